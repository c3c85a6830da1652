// Command driver is the Go package as a receiver that is killed: as driver.py.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/knocker/knocker-go"
)

func main() {
	path, socket := os.Args[1], os.Args[2]
	callers, err := strconv.Atoi(os.Args[3])
	if err != nil {
		log.Fatal(err)
	}
	options := []knocker.Option{knocker.BusyTimeout(time.Minute)}
	if socket != "" {
		options = append(options, knocker.Replicated(socket), knocker.ReplicatedTimeout(time.Minute))
	}
	hooks, err := knocker.Open(path, options...)
	if err != nil {
		log.Fatal(err)
	}
	inbox, err := hooks.Endpoint("inbox")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		log.Fatal(err)
	}
	var number atomic.Int64
	failed := make(chan error)
	for range callers {
		go func() {
			for {
				key := fmt.Sprintf("key-%d", number.Add(1))
				fields := knocker.IngestFields{Valid: true, Type: "order.paid", Key: key}
				if _, err := inbox.Ingest(context.Background(), fields, []byte(`{"paid": true}`)); err != nil {
					failed <- err
					return
				}
				fmt.Println(key)
			}
		}()
	}
	log.Fatal(<-failed)
}
