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

// serving measures requests a second over net/http with 64 connections; the load comes from this process, so both sides pay for it alike.
func serving(folder string) (below []string) {
	const connections, total = 64, 6000
	fmt.Printf("\n%-40s%10s\n", "net/http, 64 connections", "req/s")
	var knockers, hands, ratios []float64
	for round := range rounds {
		hooks, endpoint := open(filepath.Join(folder, fmt.Sprintf("serving-%d.db", round)))
		knocker := overHTTP(endpoint, connections, total)
		check(hooks.Close())
		store, closeIt := byHand(filepath.Join(folder, fmt.Sprintf("serving-by-hand-%d.db", round)), 1)
		hand := overHTTP(handWritten(store), connections, total)
		closeIt()
		knockers, hands, ratios = append(knockers, knocker), append(hands, hand), append(ratios, knocker/hand)
	}
	fmt.Printf("%-40s%10.0f\n%-40s%10.0f\n%-40s%9.1fx\n", "the endpoint", median(knockers), "by hand: verify, insert, commit", median(hands),
		"ratio", median(ratios))
	if median(ratios) < 3 {
		below = append(below, fmt.Sprintf("net/http: %.1f times by hand, goal 3", median(ratios)))
	}
	return below
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
	requests := make([]*knocker.WebhookRequest, total+1)
	for n := range requests {
		requests[n] = requestOf(n)
	}
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
