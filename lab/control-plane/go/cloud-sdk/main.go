// One call of the SLB API by one of the vendor's Go SDKs, as they are:
//
//	cloud-sdk CLIENT HOST:PORT SECRET ACTION [NAME=VALUE ...]
//
// Prints the reply as JSON; an error that the API answered as its code and message, with exit code 1.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/slb"
)

const (
	region  = "cn-hangzhou"
	version = "2014-05-15"
	key     = "testid"
)

type call struct {
	endpoint, secret, action string
	parameters               map[string]string
}

var clients = map[string]func(call) (any, error){
	"v1-slb":    typedV1,
	"v1-common": commonV1,
	"v2":        v2,
}

func main() {
	if len(os.Args) < 5 || clients[os.Args[1]] == nil {
		fail(errors.New("cloud-sdk v1-slb|v1-common|v2 HOST:PORT SECRET ACTION [NAME=VALUE ...]"))
	}
	one := call{endpoint: os.Args[2], secret: os.Args[3], action: os.Args[4], parameters: map[string]string{}}
	for _, argument := range os.Args[5:] {
		name, value, _ := strings.Cut(argument, "=")
		one.parameters[name] = value
	}
	reply, err := clients[os.Args[1]](one)
	if code, message, answered := answer(err); answered {
		show(map[string]string{"code": code, "message": message})
		os.Exit(1)
	}
	if err != nil {
		fail(err)
	}
	show(reply)
}

// SDK V1 with the types generated for SLB, as the Cloud Controller Manager has it.
func typedV1(one call) (any, error) {
	client, err := slb.NewClientWithOptions(region, sdk.NewConfig(), credentials.NewAccessKeyCredential(key, one.secret))
	if err != nil {
		return nil, err
	}
	client.Domain = one.endpoint
	group, servers := one.parameters["VServerGroupId"], one.parameters["BackendServers"]
	switch one.action {
	case "AddVServerGroupBackendServers":
		request := slb.CreateAddVServerGroupBackendServersRequest()
		request.Scheme, request.VServerGroupId, request.BackendServers = requests.HTTP, group, servers
		reply, err := client.AddVServerGroupBackendServers(request)
		if err != nil {
			return nil, err
		}
		return reply.BackendServers, nil
	case "DescribeVServerGroupAttribute":
		request := slb.CreateDescribeVServerGroupAttributeRequest()
		request.Scheme, request.VServerGroupId = requests.HTTP, group
		reply, err := client.DescribeVServerGroupAttribute(request)
		if err != nil {
			return nil, err
		}
		return reply.BackendServers, nil
	case "SetVServerGroupAttribute":
		request := slb.CreateSetVServerGroupAttributeRequest()
		request.Scheme, request.VServerGroupId, request.BackendServers = requests.HTTP, group, servers
		reply, err := client.SetVServerGroupAttribute(request)
		if err != nil {
			return nil, err
		}
		return reply.BackendServers, nil
	case "RemoveVServerGroupBackendServers":
		request := slb.CreateRemoveVServerGroupBackendServersRequest()
		request.Scheme, request.VServerGroupId, request.BackendServers = requests.HTTP, group, servers
		reply, err := client.RemoveVServerGroupBackendServers(request)
		if err != nil {
			return nil, err
		}
		return reply.BackendServers, nil
	}
	return nil, fmt.Errorf("no request of type %s", one.action)
}

// SDK V1 without types, which is what the aliyun CLI consists of.
func commonV1(one call) (any, error) {
	client, err := sdk.NewClientWithAccessKey(region, key, one.secret)
	if err != nil {
		return nil, err
	}
	request := requests.NewCommonRequest()
	request.Scheme, request.Method, request.Domain = requests.HTTP, requests.POST, one.endpoint
	request.Product, request.Version, request.ApiName = "Slb", version, one.action
	request.QueryParams = one.parameters
	reply, err := client.ProcessCommonRequest(request)
	if err != nil {
		return nil, err
	}
	var body struct{ BackendServers any }
	return &body.BackendServers, json.Unmarshal(reply.GetHttpContentBytes(), &body)
}

// SDK V2, which signs with ACS3-HMAC-SHA256.
func v2(one call) (any, error) {
	client, err := openapi.NewClient(&openapi.Config{
		AccessKeyId:     dara.String(key),
		AccessKeySecret: dara.String(one.secret),
		RegionId:        dara.String(region),
		Endpoint:        dara.String(one.endpoint),
		Protocol:        dara.String("HTTP"),
	})
	if err != nil {
		return nil, err
	}
	query := map[string]*string{"RegionId": dara.String(region)}
	for name, value := range one.parameters {
		query[name] = dara.String(value)
	}
	reply, err := client.CallApi(&openapi.Params{
		Action:      dara.String(one.action),
		Version:     dara.String(version),
		Protocol:    dara.String("HTTP"),
		Pathname:    dara.String("/"),
		Method:      dara.String("POST"),
		AuthType:    dara.String("AK"),
		Style:       dara.String("RPC"),
		ReqBodyType: dara.String("formData"),
		BodyType:    dara.String("json"),
	}, &openapi.OpenApiRequest{Query: query}, &dara.RuntimeOptions{})
	if err != nil {
		return nil, err
	}
	body, ok := reply["body"].(map[string]any)
	if !ok {
		return nil, fmt.Errorf("no body in %v", reply)
	}
	return body["BackendServers"], nil
}

// What the API answered, if the error is its answer.
func answer(err error) (code, message string, answered bool) {
	var v1 sdkerrors.Error
	if errors.As(err, &v1) {
		return v1.ErrorCode(), v1.Message(), true
	}
	var v2 *tea.SDKError
	if errors.As(err, &v2) {
		return tea.StringValue(v2.Code), tea.StringValue(v2.Message), true
	}
	return "", "", false
}

func show(value any) {
	if err := json.NewEncoder(os.Stdout).Encode(value); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
