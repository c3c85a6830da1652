package knocker

import "encoding/json"

// receiptOf reads what the core says became of a request.
func receiptOf(said string) (*Receipt, error) {
	plain := &Receipt{}
	if p := (&plainJSON{said}); p.receipt(plain) && p.isOver() {
		return plain, nil
	}
	var receipt Receipt
	return &receipt, json.Unmarshal([]byte(said), &receipt)
}

// receipt reads one whose fields stand as the core writes them.
func (p *plainJSON) receipt(r *Receipt) bool {
	return p.skip(`{"delivery_id":`) && p.number(&r.DeliveryID) &&
		p.skip(`,"outcome":`) && readText(p, &r.Outcome) &&
		p.skip(`,"event_id":`) && p.number(&r.EventID) &&
		p.skip(`,"events":`) && p.receivedEvents(&r.Events) &&
		p.skip(`,"reason":`) && readText(p, &r.Reason) &&
		p.skip(`,"detail":`) && readText(p, &r.Detail) &&
		p.skip(`,"response":`) && p.response(&r.Response) &&
		p.skip(`}`)
}

func (p *plainJSON) receivedEvents(into *[]ReceivedEvent) bool {
	*into = []ReceivedEvent{}
	return p.list("[", "]", func() bool {
		var one ReceivedEvent
		ok := p.skip(`{"id":`) && p.number(&one.ID) && p.skip(`,"duplicate":`) && p.truth(&one.Duplicate) && p.skip(`}`)
		*into = append(*into, one)
		return ok
	})
}

func (p *plainJSON) response(r *WebhookResponse) bool {
	r.Headers = map[string]string{}
	return p.skip(`{"status":`) && p.number(&r.Status) &&
		p.skip(`,"headers":`) && p.pairs(func(name string) bool {
		var value string
		ok := readText(p, &value)
		r.Headers[name] = value
		return ok
	}) &&
		p.skip(`,"body":`) && readText(p, &r.Body) &&
		p.skip(`}`)
}
