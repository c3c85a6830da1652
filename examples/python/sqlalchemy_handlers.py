"""A handler that writes with SQLAlchemy's ORM: ``python -m knocker worker sqlalchemy_handlers:hooks``."""

import os

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

import knocker
import knocker.sqlalchemy

database = os.environ.get("SHOP_DB", "shop.db")
hooks = knocker.open(database)
stripe = hooks.endpoint("stripe", provider="stripe", secrets=[os.environ["STRIPE_WEBHOOK_SECRET"]])


class Base(DeclarativeBase):
    pass


class Sale(Base):
    __tablename__ = "sales"
    id: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[int]


Base.metadata.create_all(create_engine(f"sqlite:///{database}"))


@stripe.on("checkout.session.completed")
def fulfil(event, tx):
    checkout = event.json()["data"]["object"]
    session = knocker.sqlalchemy.session(tx)
    session.merge(Sale(id=checkout["id"], total=checkout["amount_total"]))
