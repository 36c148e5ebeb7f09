// Command logind is as much of systemd's login manager, and of the bus before it, as the kubelet needs to hold a
// shutdown back until its pods have ended: https://systemd.io/INHIBITOR_LOCKS and
// https://dbus.freedesktop.org/doc/dbus-specification.html.
//
//	logind SOCKET
//
// Listens on SOCKET. At SIGTERM it says that the machine is about to shut down, and ends once every lock that was
// taken to delay this has been released: then the machine may be switched off.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	manager = "org.freedesktop.login1.Manager"
	object  = dbus.ObjectPath("/org/freedesktop/login1")
	// More than any kubelet asks for, or it would write a configuration for systemd to /etc.
	longestDelay = 24 * time.Hour
)

// logind is the state that its clients share.
type logind struct {
	mutex   sync.Mutex
	clients map[*client]bool
	locks   sync.WaitGroup
}

type client struct {
	conn   *net.UnixConn
	logind *logind
	mutex  sync.Mutex
	serial uint32
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("logind: name the socket to listen on")
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)

	if err := os.MkdirAll(filepath.Dir(os.Args[1]), 0o755); err != nil {
		log.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: os.Args[1], Net: "unix"})
	if err != nil {
		log.Fatal(err)
	}
	login := &logind{clients: map[*client]bool{}}
	go login.accept(listener)

	<-asked
	login.prepareForShutdown()
	login.locks.Wait()
	log.Print("nobody delays the shutdown any more")
}

func (l *logind) accept(listener *net.UnixListener) {
	for {
		conn, err := listener.AcceptUnix()
		if err != nil {
			log.Fatal(err)
		}
		go l.serve(&client{conn: conn, logind: l})
	}
}

func (l *logind) serve(c *client) {
	defer c.conn.Close()
	reader := bufio.NewReader(c.conn)
	if err := authenticate(reader, c.conn); err != nil {
		log.Printf("a client was not let in: %v", err)
		return
	}
	l.mutex.Lock()
	l.clients[c] = true
	l.mutex.Unlock()
	for {
		message, err := dbus.DecodeMessage(reader)
		if err != nil {
			break
		}
		if message.Type == dbus.TypeMethodCall {
			c.answer(message)
		}
	}
	l.mutex.Lock()
	delete(l.clients, c)
	l.mutex.Unlock()
}

func (l *logind) prepareForShutdown() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for c := range l.clients {
		c.send(dbus.TypeSignal, map[dbus.HeaderField]any{
			dbus.FieldPath:      object,
			dbus.FieldInterface: manager,
			dbus.FieldMember:    "PrepareForShutdown",
		}, true)
	}
}

// authenticate lets in whoever could open the socket.
func authenticate(reader *bufio.Reader, writer io.Writer) error {
	if _, err := reader.ReadByte(); err != nil {
		return err
	}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimSpace(line)
		var reply string
		switch {
		case line == "BEGIN":
			return nil
		case line == "NEGOTIATE_UNIX_FD":
			reply = "AGREE_UNIX_FD"
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			reply = "OK 00000000000000000000000000000000"
		default:
			reply = "REJECTED EXTERNAL"
		}
		if _, err := io.WriteString(writer, reply+"\r\n"); err != nil {
			return err
		}
	}
}

func (c *client) answer(call *dbus.Message) {
	member, _ := call.Headers[dbus.FieldMember].Value().(string)
	reply := map[dbus.HeaderField]any{dbus.FieldReplySerial: call.Serial()}
	switch member {
	case "Hello":
		c.send(dbus.TypeMethodReply, reply, ":1.1")
	case "AddMatch":
		// Everybody gets the only signal there is.
		c.send(dbus.TypeMethodReply, reply)
	case "Get":
		c.send(dbus.TypeMethodReply, reply, dbus.MakeVariant(uint64(longestDelay.Microseconds())))
	case "Inhibit":
		held, lock, err := os.Pipe()
		if err != nil {
			log.Fatal(err)
		}
		c.logind.locks.Add(1)
		go func() {
			defer c.logind.locks.Done()
			// Ends when the holder closes its end, by itself or by dying.
			_, _ = io.Copy(io.Discard, held)
			held.Close()
			log.Print("a lock was released")
		}()
		c.send(dbus.TypeMethodReply, reply, dbus.UnixFD(lock.Fd()))
		lock.Close()
		log.Printf("a lock was taken: %v", call.Body)
	default:
		reply[dbus.FieldErrorName] = "org.freedesktop.DBus.Error.UnknownMethod"
		c.send(dbus.TypeError, reply, member+" is not known here")
	}
}

func (c *client) send(kind dbus.Type, headers map[dbus.HeaderField]any, body ...any) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	message := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for field, value := range headers {
		message.Headers[field] = dbus.MakeVariant(value)
	}
	if len(body) > 0 {
		message.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	count, err := message.CountFds()
	if err != nil {
		log.Fatal(err)
	}
	if count > 0 {
		message.Headers[dbus.FieldUnixFDs] = dbus.MakeVariant(uint32(count))
	}
	var encoded bytes.Buffer
	fds, err := message.EncodeToWithFDs(&encoded, binary.LittleEndian)
	if err != nil {
		log.Fatal(err)
	}
	// The library numbers only messages of its own connections; 0 is not allowed.
	c.serial++
	binary.LittleEndian.PutUint32(encoded.Bytes()[8:], c.serial)
	var rights []byte
	if count > 0 {
		rights = syscall.UnixRights(fds...)
	}
	// A client that has gone is noticed where its messages are read.
	_, _, _ = c.conn.WriteMsgUnix(encoded.Bytes(), rights, nil)
}
