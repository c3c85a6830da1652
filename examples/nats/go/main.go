// A consumer of what `knocker publish` hands over: each webhook becomes one row in PostgreSQL, however often its message comes.
//
// NATS_URL, DATABASE_URL and STREAM (HOOKS) say where; -drain ends it when nothing has come for two seconds.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Consumers of this name share the messages, in whichever language they are written.
const durable = "orders"

func main() {
	drain := flag.Bool("drain", false, "end when nothing has come for two seconds")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := consume(ctx, *drain); err != nil {
		log.Fatal(err)
	}
}

func consume(ctx context.Context, drain bool) error {
	client, err := nats.Connect(setting("NATS_URL", nats.DefaultURL), nats.MaxReconnects(-1))
	if err != nil {
		return fmt.Errorf("connect to NATS: %w", err)
	}
	defer client.Close()
	db, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx))
	js, err := jetstream.New(client)
	if err != nil {
		return err
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, setting("STREAM", "HOOKS"), jetstream.ConsumerConfig{
		Durable: durable, FilterSubject: setting("STREAM", "HOOKS") + ".>", AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxAckPending: 1000,
	})
	if err != nil {
		return fmt.Errorf("the consumer %s: %w", durable, err)
	}

	var created, again int
	for ctx.Err() == nil {
		batch, err := consumer.Fetch(100, jetstream.FetchMaxWait(2*time.Second))
		if err != nil {
			return err
		}
		came := 0
		for message := range batch.Messages() {
			came++
			isNew, err := handle(ctx, db, message)
			if err != nil {
				log.Printf("%s: %v", message.Headers().Get("Nats-Msg-Id"), err)
				// It comes again, to this consumer or another.
				_ = message.NakWithDelay(5 * time.Second)
				continue
			}
			if isNew {
				created++
			} else {
				again++
			}
			// Lost acknowledgements bring the message again, and handled_webhooks knows it.
			_ = message.Ack()
		}
		if drain && came == 0 {
			break
		}
	}
	fmt.Printf("go: %d new, %d known before\n", created, again)
	return nil
}

// handle writes the rows of the webhook and the memory of it in one transaction, and says whether it is new.
func handle(ctx context.Context, db *pgx.Conn, message jetstream.Msg) (isNew bool, err error) {
	headers := message.Headers()
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		seen, err := tx.Exec(ctx, "INSERT INTO handled_webhooks (id) VALUES ($1) ON CONFLICT DO NOTHING", headers.Get("Nats-Msg-Id"))
		if err != nil || seen.RowsAffected() == 0 {
			return err
		}
		var body struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(message.Data(), &body); err != nil {
			return err
		}
		isNew = true
		_, err = tx.Exec(ctx, "INSERT INTO orders (order_id, type, payload, written_by) VALUES ($1, $2, $3, 'go')",
			body.ID, headers.Get("Knocker-Type"), string(message.Data()))
		return err
	})
	return isNew && err == nil, err
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
