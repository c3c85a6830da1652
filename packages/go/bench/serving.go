package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/knocker/knocker-go"
)

const servingConnections = 64

// serving measures requests a second over net/http with 64 connections; the load comes from the same process, so both sides pay for it alike.
func serving(folder string, floor floors, all *judged) {
	fmt.Printf("\n%-40s%10s%10s%10s%10s\n", "net/http, 64 connections, req/s", "Knocker", "by hand", "nothing", "ratio")
	for _, delay := range delays() {
		total, few := 6000, 6000
		if delay > 0 {
			total, few = 4000, 300
		}
		var ours, hands, nothings, ratios []float64
		for range rounds {
			knocker := elsewhere(folder, "serving", delay, servingConnections, total)
			hand := elsewhere(folder, "serving by hand", delay, servingConnections, few)
			nothing := elsewhere(folder, "serving nothing", delay, servingConnections, total)
			ours, hands, nothings, ratios = append(ours, knocker), append(hands, hand), append(nothings, nothing), append(ratios, knocker/hand)
		}
		fmt.Printf("%-40s%10.0f%10.0f%10.0f%9.1fx\n", diskOf(delay), median(ours), median(hands), median(nothings), median(ratios))
		// A request that nothing is done with costs what it costs, and the library comes on top of that.
		most := 1 / (1/floor.shared + 1/median(nothings))
		all.judge(goal{"net/http, " + diskOf(delay), 3.6, "by hand", most, leastOfFloor, "net/http"}, median(ours), median(hands), median(ratios))
	}
}

func servingByKnocker(folder string, connections, total int) float64 {
	hooks, endpoint := open(filepath.Join(folder, "knocker.db"))
	defer func() { check(hooks.Close()) }()
	return overHTTP(endpoint, connections, total)
}

func servingByHand(folder string, connections, total int) float64 {
	store, closeIt := byHand(filepath.Join(folder, "hand.db"), 1)
	defer closeIt()
	return overHTTP(handWritten(store), connections, total)
}

// servingNothing reads each request and answers.
func servingNothing(_ string, connections, total int) float64 {
	return overHTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		check(err)
	}), connections, total)
}

func handWritten(store func(*knocker.WebhookRequest, int)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		check(err)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(body)
		given, err := hex.DecodeString(strings.TrimPrefix(r.Header.Get("X-Hub-Signature-256"), "sha256="))
		if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		var n int
		_, err = fmt.Sscan(r.Header.Get("X-GitHub-Delivery"), &n)
		check(err)
		store(&knocker.WebhookRequest{Header: r.Header, Body: body}, n)
	})
}

func overHTTP(handler http.Handler, connections, total int) float64 {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	defer client.CloseIdleConnections()
	requests := requestsOf(total)
	address := "http://" + listener.Addr().String() + "/webhooks/github"
	return rate(connections, total, func(n int) {
		request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(requests[n].Body))
		check(err)
		request.Header = requests[n].Header
		answer, err := client.Do(request)
		check(err)
		_, _ = io.Copy(io.Discard, answer.Body)
		check(answer.Body.Close())
		if answer.StatusCode != http.StatusOK {
			check(fmt.Errorf("answered %s", answer.Status))
		}
	})
}
