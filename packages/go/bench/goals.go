package main

import "fmt"

// What is asked for where a goal against by hand is more than the library itself does on this disk: such a part of that.
const (
	leastOfFloor = 0.5
	// leastOfLone is asked of a lone caller, who shares nothing with anybody: the library has a commit for each, too.
	leastOfLone = 0.8
)

// goal is what is asked for: so many times by hand, or a part of what the library does alone, where no package could do that here.
type goal struct {
	what   string
	times  float64
	byHand string
	// floor is what the library does alone here, and least the part of it.
	floor, least float64
	// server is what else is part of that floor, if anything is.
	server string
}

// verdict is what to say of it, and whether it was missed.
func (g goal) verdict(ours, hand, times float64) (words string, missed bool) {
	wanted := g.times * hand
	switch {
	case g.times == 0:
		return "", false
	case wanted > g.floor:
		alone := "the library does alone"
		if g.server != "" {
			alone = g.server + " and the library do"
		}
		words = fmt.Sprintf("%s: %v times %s are %.0f a second, more than the %.0f that %s here, with no package around it; Knocker does %.2f of these, goal %v",
			g.what, g.times, g.byHand, wanted, g.floor, alone, ours/g.floor, g.least)
		return words, ours/g.floor < g.least
	case times < g.times:
		return fmt.Sprintf("%s: %.2f times %s, goal %v", g.what, times, g.byHand, g.times), true
	}
	return "", false
}

// judged are the verdicts on rows: what was missed, and what was met of the floor instead of by hand.
type judged struct{ told, missed []string }

func (j *judged) judge(g goal, ours, hand, times float64) {
	words, missed := g.verdict(ours, hand, times)
	switch {
	case missed:
		j.missed = append(j.missed, words)
	case words != "":
		j.told = append(j.told, words)
	}
}
