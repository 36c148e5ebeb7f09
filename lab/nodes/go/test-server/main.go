// Command test-server is what runs in the pods of real nodes.
//
//	test-server pause   holds a pod's namespaces: does nothing until SIGTERM
//	test-server serve   serves HTTP, as told by its environment:
//
//	PORT          port to listen on; default 8080
//	LISTEN_AFTER  how long after its start it listens; default 0s
//	READY_AFTER   how long after that GET /readyz answers 200; default 0s
//	AT_SIGTERM    stop    ends at once: what is in flight is lost (default)
//	              drain   takes no new connection, ends once what is in flight has been answered
//	              ignore  goes on as if nothing had been said
//
// Paths:
//
//	GET  /                 the name of the pod
//	GET  /slow?ms=5000     the same, so much later
//	GET  /readyz, /livez   200, or what was set
//	POST /readyz?status=503, /livez?status=500   what they answer from now on
//	POST /crash            the process ends with status 1
//	POST /oom              takes memory until it is killed
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	log.SetOutput(os.Stdout)
	log.SetFlags(log.LstdFlags | log.Lmicroseconds)
	switch {
	case len(os.Args) == 2 && os.Args[1] == "pause":
		<-terminated()
	case len(os.Args) == 2 && os.Args[1] == "serve":
		serve()
	default:
		log.Fatal("name one of pause, serve")
	}
}

func serve() {
	atSigterm := setting("AT_SIGTERM", "stop")
	if !slices.Contains([]string{"stop", "drain", "ignore"}, atSigterm) {
		log.Fatalf("AT_SIGTERM is %q: name one of stop, drain, ignore", atSigterm)
	}
	port := setting("PORT", "8080")
	name, _ := os.Hostname()
	asked := terminated()

	ready, live := answering(http.StatusServiceUnavailable), answering(http.StatusOK)
	server := &http.Server{Addr: ":" + port, Handler: handler(name, ready, live)}
	drained := make(chan struct{})
	go func() {
		for range asked {
			log.Printf("SIGTERM: %s", atSigterm)
			switch atSigterm {
			case "stop":
				os.Exit(0)
			case "drain":
				_ = server.Shutdown(context.Background())
				close(drained)
			}
		}
	}()
	time.Sleep(duration("LISTEN_AFTER"))
	time.AfterFunc(duration("READY_AFTER"), func() { ready.Store(http.StatusOK) })
	log.Printf("%s listens on port %s", name, port)
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Fatal(err)
	}
	<-drained
	log.Print("has answered all")
}

func handler(name string, ready, live *atomic.Int64) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	mux.HandleFunc("GET /slow", func(w http.ResponseWriter, r *http.Request) {
		ms, err := strconv.Atoi(r.URL.Query().Get("ms"))
		if err != nil {
			http.Error(w, "ms: how many milliseconds", http.StatusBadRequest)
			return
		}
		time.Sleep(time.Duration(ms) * time.Millisecond)
		fmt.Fprintln(w, name)
	})
	probe(mux, "/readyz", ready)
	probe(mux, "/livez", live)
	mux.HandleFunc("POST /crash", func(http.ResponseWriter, *http.Request) {
		log.Print("crashes")
		os.Exit(1)
	})
	mux.HandleFunc("POST /oom", func(http.ResponseWriter, *http.Request) {
		log.Print("takes memory")
		takeMemory()
	})
	return mux
}

func probe(mux *http.ServeMux, path string, answer *atomic.Int64) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answer.Load())) })
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.ParseInt(r.URL.Query().Get("status"), 10, 64)
		if err != nil || status < 200 || status > 599 {
			http.Error(w, "status: an HTTP status from 200 to 599", http.StatusBadRequest)
			return
		}
		answer.Store(status)
	})
}

func takeMemory() {
	const page = 4096
	var taken [][]byte
	for {
		block := make([]byte, 16<<20)
		// Memory counts once it has been written to.
		for i := 0; i < len(block); i += page {
			block[i] = 1
		}
		taken = append(taken, block)
	}
}

func answering(status int64) *atomic.Int64 {
	answer := &atomic.Int64{}
	answer.Store(status)
	return answer
}

func terminated() chan os.Signal {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	return asked
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

func duration(name string) time.Duration {
	value, err := time.ParseDuration(setting(name, "0s"))
	if err != nil {
		log.Fatalf("%s: %v", name, err)
	}
	return value
}
