package knocker

import (
	"fmt"
	"testing"
	"time"
)

func TestAPaceIsUnknownBeforeTheFirstRunAndNoticesSlownessAtOnce(t *testing.T) {
	p, event := newPaces(nil), &Event{Endpoint: "inbox", Type: "a"}
	if _, known := p.of(event); known {
		t.Error("a type that has never run is known")
	}
	quick := handlerRun{took: 300 * time.Microsecond, usedTx: true, usedAfter: 100 * time.Microsecond}
	p.note(event, quick)
	if found, _ := p.of(event); found != (pace{expected: quick.took}) {
		t.Errorf("%+v", found)
	}
	p.note(event, handlerRun{took: 50 * time.Millisecond, usedTx: true})
	if found, _ := p.of(event); found.expected != 50*time.Millisecond {
		t.Errorf("%+v", found)
	}
	for range 10 {
		p.note(event, quick)
	}
	if found, _ := p.of(event); found.expected > mostOpen {
		t.Errorf("%+v", found)
	}
}

func TestATypeUsesTxWhereItSometimesDoesAndSoon(t *testing.T) {
	used := pace{}
	if !used.usesTx() || !used.after(handlerRun{took: 1}).usesTx() {
		t.Error("one that has used it does not")
	}
	if after := used.after(handlerRun{failed: true}); after.unused != 0 {
		t.Errorf("a failure counts: %+v", after)
	}
	if used.after(handlerRun{took: 9 * time.Millisecond, usedTx: true, usedAfter: 8 * time.Millisecond}).usesTx() {
		t.Error("one that does something else for long before it counts as using it soon")
	}
	for range sometimes {
		used = used.after(handlerRun{})
	}
	if used.usesTx() {
		t.Error("one that never uses it does")
	}
}

func TestWhatIsKnownOfTypesIsBounded(t *testing.T) {
	p := newPaces(nil)
	for n := range mostTypes + 500 {
		p.note(&Event{Type: fmt.Sprint(n)}, handlerRun{})
	}
	if _, known := p.of(&Event{Type: "0"}); known || len(p.known) != mostTypes || p.latest.Len() != mostTypes {
		t.Errorf("%d types, the first one known: %v", len(p.known), known)
	}
	if _, known := p.of(&Event{Type: fmt.Sprint(mostTypes + 499)}); !known {
		t.Error("the last one is not known")
	}
}
