package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// way is one of the ways to do what is measured, in a folder of its own: it gives how many of so many were done a second, by so many callers.
type way func(folder string, callers, total int) float64

// ways are measured in a process of their own, because the delay of a sync is preloaded into it.
var ways = map[string]way{
	"receives": receivesByKnocker, "receives by hand": receivesByHand(1), "receives by hand on the pool": receivesByHand(0),
	"receives by the library": receivesByTheLibrary, "receives by the library, a commit each": receivesByTheLibraryEach,
	"serving": servingByKnocker, "serving by hand": servingByHand, "serving nothing": servingNothing,
	"drain by hand": drainByHand, "drain apart": drainApart, "drain": drain, "drain by the library": drainByTheLibrary,
}

// delays are how many milliseconds a sync takes at least, where that can be had.
func delays() []int {
	if runtime.GOOS != "linux" {
		return []int{0}
	}
	return []int{0, 2, 5}
}

func diskOf(delay int) string {
	if delay == 0 {
		return "the bare disk"
	}
	return fmt.Sprintf("syncs of %d ms", delay)
}

// elsewhere has another process do it, on a disk whose syncs take at least so many milliseconds.
func elsewhere(parent, name string, delay, callers, total int) float64 {
	folder, err := os.MkdirTemp(parent, "way-")
	check(err)
	defer func() { _ = os.RemoveAll(folder) }()
	self, err := os.Executable()
	check(err)
	command := []string{self, "way", name, folder, strconv.Itoa(callers), strconv.Itoa(total)}
	if delay > 0 {
		_, here, _, _ := runtime.Caller(0)
		slow := filepath.Join(filepath.Dir(here), "../../../extension/bench/slow-disk/run")
		command = append([]string{slow, strconv.Itoa(delay * 1000)}, command...)
	}
	process := exec.Command(command[0], command[1:]...)
	process.Stderr = os.Stderr
	told, err := process.Output()
	check(err)
	figure, err := strconv.ParseFloat(strings.TrimSpace(string(told)), 64)
	check(err)
	return figure
}

// elsewhereAs is that other process.
func elsewhereAs(name, folder, callers, total string) error {
	atOnce, err := strconv.Atoi(callers)
	if err != nil {
		return err
	}
	all, err := strconv.Atoi(total)
	if err != nil {
		return err
	}
	do, ok := ways[name]
	if !ok {
		return fmt.Errorf("there is no way %q", name)
	}
	_, err = fmt.Println(do(folder, atOnce, all))
	return err
}
