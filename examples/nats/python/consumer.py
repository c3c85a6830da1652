"""A consumer of what `knocker publish` hands over: each webhook becomes one row in PostgreSQL, however often its message comes.

NATS_URL, DATABASE_URL and STREAM (HOOKS) say where; `--drain` ends it when nothing has come for two seconds.
"""

import asyncio
import json
import os
import signal
import sys

import nats
import psycopg
from nats.errors import TimeoutError as NothingCame
from nats.js.api import AckPolicy, ConsumerConfig

STREAM = os.environ.get("STREAM", "HOOKS")
#: Consumers of this name share the messages, in whichever language they are written.
DURABLE = "orders"


async def handle(db, message):
    """The rows of the webhook and the memory of it are one transaction. Returns whether it is new."""
    async with db.transaction():
        seen = await db.execute(
            "INSERT INTO handled_webhooks (id) VALUES (%s) ON CONFLICT DO NOTHING", (message.headers["Nats-Msg-Id"],)
        )
        if seen.rowcount == 0:
            return False
        body = json.loads(message.data)
        await db.execute(
            "INSERT INTO orders (order_id, type, payload, written_by) VALUES (%s, %s, %s, 'python')",
            (body["id"], message.headers.get("Knocker-Type", ""), message.data.decode()),
        )
    return True


async def main(drain):
    """Fetches, handles and acknowledges until it is told to end."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await nats.connect(os.environ.get("NATS_URL", "nats://127.0.0.1:4222").split(","), max_reconnect_attempts=-1)
    db = await psycopg.AsyncConnection.connect(os.environ["DATABASE_URL"], autocommit=True)
    config = ConsumerConfig(ack_policy=AckPolicy.EXPLICIT, ack_wait=30, max_ack_pending=1000)
    subscription = await client.jetstream().pull_subscribe(f"{STREAM}.>", durable=DURABLE, stream=STREAM, config=config)
    new = again = 0
    while not stop.is_set():
        try:
            messages = await subscription.fetch(100, timeout=2)
        except NothingCame:
            if drain:
                break
            continue
        for message in messages:
            try:
                if await handle(db, message):
                    new += 1
                else:
                    again += 1
            except (psycopg.Error, ValueError, KeyError) as error:
                print(f"{message.headers['Nats-Msg-Id']}: {error}", file=sys.stderr)
                # It comes again, to this consumer or another.
                await message.nak(delay=5)
                continue
            # Lost acknowledgements bring the message again, and `handled_webhooks` knows it.
            await message.ack()
    await client.close()
    await db.close()
    print(f"python: {new} new, {again} known before")


if __name__ == "__main__":
    asyncio.run(main("--drain" in sys.argv[1:]))
