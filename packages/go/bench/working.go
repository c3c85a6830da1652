package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/knocker/knocker-go"
)

// working measures events handled a second, how soon a worker wakes for another process, and what an idle one costs.
func working(folder string) (below []string) {
	fmt.Println()
	for _, concurrency := range []int{1, 4} {
		fmt.Printf("%-40s%10.0f\n", fmt.Sprintf("events handled/s, concurrency %d", concurrency), drain(folder, concurrency, 3000))
	}
	median, slow := wake(folder, 200)
	fmt.Printf("%-40s%10.2f p50%10.2f p99\n", "wake across processes, ms", median, slow)
	share := idle(folder, 5*time.Second)
	fmt.Printf("%-40s%9.2f%% of a core\n", "CPU of an idle worker", 100*share)
	if median >= 3 {
		below = append(below, fmt.Sprintf("wake: %.1f ms, goal 3", median))
	}
	if share >= 0.01 {
		below = append(below, fmt.Sprintf("an idle worker: %.1f%% of a core, goal 1", 100*share))
	}
	return below
}

// wake is the time from the commit of a receipt in another process to the handler of it here, in milliseconds.
func wake(folder string, times int) (median, slow float64) {
	path := filepath.Join(folder, "wake.db")
	hooks, endpoint := open(path)
	defer func() { check(hooks.Close()) }()
	handled := make(chan time.Time, 1)
	endpoint.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error {
		handled <- time.Now()
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hooks.Work(ctx) }()
	self, err := os.Executable()
	check(err)
	other := exec.Command(self, "receive-for", path, strconv.Itoa(times))
	other.Stderr = os.Stderr
	in, err := other.StdinPipe()
	check(err)
	out, err := other.StdoutPipe()
	check(err)
	check(other.Start())
	told := bufio.NewScanner(out)
	var took []float64
	for range times {
		_, err := io.WriteString(in, "go\n")
		check(err)
		if !told.Scan() {
			check(fmt.Errorf("the other process ended"))
		}
		committed, err := strconv.ParseInt(told.Text(), 10, 64)
		check(err)
		took = append(took, float64((<-handled).UnixMicro()-committed)/1000)
		time.Sleep(10 * time.Millisecond)
	}
	check(in.Close())
	check(other.Wait())
	cancel()
	check(<-done)
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

func receiveFor(path, times string) error {
	hooks, endpoint := open(path)
	total, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	asked := bufio.NewScanner(os.Stdin)
	for n := 0; n < total && asked.Scan(); n++ {
		if _, err := endpoint.Receive(context.Background(), requestOf(n)); err != nil {
			return err
		}
		fmt.Println(time.Now().UnixMicro())
	}
	return hooks.Close()
}

func idle(folder string, long time.Duration) float64 {
	hooks, endpoint := open(filepath.Join(folder, "idle.db"))
	defer func() { check(hooks.Close()) }()
	endpoint.On("*", func(context.Context, *knocker.Tx, *knocker.Event) error { return nil })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- hooks.Work(ctx) }()
	time.Sleep(time.Second)
	before := cpu()
	time.Sleep(long)
	share := float64(cpu()-before) / float64(long)
	cancel()
	check(<-done)
	return share
}

func cpu() time.Duration {
	var used syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
