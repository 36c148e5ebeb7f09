module vservergroup-operator/test-server

go 1.26.0
