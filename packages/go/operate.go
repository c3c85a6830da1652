package knocker

import (
	"context"
	"database/sql/driver"
	"encoding/json"
)

// ActionOption says how an operator's action on one event is done.
type ActionOption func(map[string]any)

// Force also takes an event that is received or that a worker has: that worker finds [ErrLeaseLost], and rolls back.
func Force() ActionOption { return func(options map[string]any) { options["force"] = true } }

func actionOptions(given []ActionOption) string {
	options := map[string]any{}
	for _, option := range given {
		if option != nil {
			option(options)
		}
	}
	return jsonText(options)
}

// Replay handles an event again: from handled, failed, dead or ignored. Errors: [ErrUnknownEvent], [ErrBadState].
func (h *Hooks) Replay(ctx context.Context, eventID int64, options ...ActionOption) (Transition, error) {
	return act[Transition](ctx, h, "knocker_replay", eventID, actionOptions(options))
}

// Requeue gives an event that was not handled a new life: from failed, dead or ignored. Errors: [ErrUnknownEvent], [ErrBadState].
func (h *Hooks) Requeue(ctx context.Context, eventID int64, options ...ActionOption) (Transition, error) {
	return act[Transition](ctx, h, "knocker_requeue", eventID, actionOptions(options))
}

// Ignore says that an event will not be handled: from received, failed or dead; no effect on an ignored one. why is stored with it, and may be
// empty. Errors: [ErrUnknownEvent], [ErrBadState].
func (h *Hooks) Ignore(ctx context.Context, eventID int64, why string, options ...ActionOption) (Transition, error) {
	var reason driver.Value
	if why != "" {
		reason = why
	}
	return act[Transition](ctx, h, "knocker_ignore", eventID, reason, actionOptions(options))
}

// ReplayDelivery runs the handlers on that delivery's own body. Errors: [ErrUnknownDelivery], [ErrBadState].
func (h *Hooks) ReplayDelivery(ctx context.Context, deliveryID int64, options ...ActionOption) (ReplayedDelivery, error) {
	return act[ReplayedDelivery](ctx, h, "knocker_replay_delivery", deliveryID, actionOptions(options))
}

// ReplayWhere replays every event that matches, oldest first. Give at least one condition.
func (h *Hooks) ReplayWhere(ctx context.Context, filter BulkFilter) (BulkResult, error) {
	return act[BulkResult](ctx, h, "knocker_replay_where", jsonText(filter.values()))
}

// RequeueWhere requeues every event that matches.
func (h *Hooks) RequeueWhere(ctx context.Context, filter BulkFilter) (BulkResult, error) {
	return act[BulkResult](ctx, h, "knocker_requeue_where", jsonText(filter.values()))
}

// IgnoreWhere ignores every event that matches.
func (h *Hooks) IgnoreWhere(ctx context.Context, filter BulkFilter) (BulkResult, error) {
	return act[BulkResult](ctx, h, "knocker_ignore_where", jsonText(filter.values()))
}

// PruneEvents deletes ended events, with their attempts and the deliveries that no other event needs. Nothing else deletes.
func (h *Hooks) PruneEvents(ctx context.Context, filter PruneEventsFilter) (PruneResult, error) {
	return act[PruneResult](ctx, h, "knocker_prune_events", jsonText(filter.values()))
}

// PruneDeliveries deletes deliveries that no event needs as its payload.
func (h *Hooks) PruneDeliveries(ctx context.Context, filter PruneDeliveriesFilter) (PruneResult, error) {
	return act[PruneResult](ctx, h, "knocker_prune_deliveries", jsonText(filter.values()))
}

// Retention stores how long rows are kept, and gives the stored policy. Without any age the policy is removed. Workers run its passes.
func (h *Hooks) Retention(ctx context.Context, policy RetentionSettings) (RetentionPolicy, error) {
	return act[RetentionPolicy](ctx, h, "knocker_retention", jsonText(policy.values()))
}

// Retain runs the pass of the retention policies that is due, if any. At most one process runs it.
func (h *Hooks) Retain(ctx context.Context) (RetentionPass, error) {
	return act[RetentionPass](ctx, h, "knocker_retain")
}

// Stats are the figures of the file.
func (h *Hooks) Stats(ctx context.Context) (Stats, error) { return act[Stats](ctx, h, "knocker_stats") }

// UpdateEndpoint changes the given settings of an endpoint of the file and no others. Errors: [ErrUnknownEndpoint], [ErrInvalidArgument].
func (h *Hooks) UpdateEndpoint(ctx context.Context, name string, options ...EndpointOption) error {
	o := &endpointOptions{settings: map[string]any{}}
	if err := apply(o, options); err != nil {
		return err
	}
	if o.findSecrets != nil || o.secrets != nil {
		return usage("UpdateEndpoint: secrets are not stored; give them to Endpoint")
	}
	if err := h.requireEndpoint(ctx, name); err != nil {
		return err
	}
	encoded, err := json.Marshal(o.settings)
	if err != nil {
		return usage("UpdateEndpoint: %v", err)
	}
	_, err = h.database.call(ctx, "knocker_endpoint", name, string(encoded))
	return err
}

func (h *Hooks) requireEndpoint(ctx context.Context, name string) error {
	found, err := h.database.rows(ctx, "SELECT 1 FROM knocker_endpoints WHERE name = ?", name)
	if err == nil && len(found) == 0 {
		return newError("unknown_endpoint", "there is no endpoint "+name, nil)
	}
	return err
}

// act runs an SQL function and reads its result. Workers look at once for what it put back.
func act[Result any](ctx context.Context, h *Hooks, function string, arguments ...driver.Value) (result Result, err error) {
	given, err := h.database.call(ctx, function, arguments...)
	if err != nil {
		return result, err
	}
	h.database.changed.notify()
	return result, readJSON(given, &result)
}
