"""An order and the event that tells of it in one transaction of SQLAlchemy: ``python sqlalchemy_orders.py``."""

import json
import os

from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

import knocker
import knocker.sqlalchemy

database = os.environ.get("SHOP_DB", "shop.db")
hooks = knocker.open(database)
hooks.endpoint("internal")
engine = knocker.sqlalchemy.install(create_engine(f"sqlite:///{database}"))

with Session(engine) as session:
    session.execute(text("CREATE TABLE IF NOT EXISTS shipments (id TEXT)"))
    session.execute(text("INSERT INTO shipments VALUES ('s-1')"))
    fields = {"valid": True, "type": "shipment.created", "key": "s-1"}
    session.execute(text("SELECT knocker_ingest('internal', :fields, '{}')"), {"fields": json.dumps(fields)})
    session.commit()

print([(event.type, event.key, event.status) for event in hooks.events(endpoint="internal")])
