//! The story of a delivery: of one that was accepted, and above all of one that was not.

use knocker_core::Store;
use knocker_core::providers::{Provider, Reason, signed_distance_s};

use super::around::{details_near, nearest_accepted};
use super::story::Story;
use super::{event, request};
use crate::context::Context;
use crate::failure::Result;
use crate::lookup::find;
use crate::moment;
use crate::printable::{self, count};
use crate::rows::{Row, select};
use crate::shell::quoted;

/// Tells it. Of the events of a batch the one is told whose body has this part.
pub fn story(context: &Context, store: &Store, id: i64, part: Option<&str>) -> Result<Story> {
    let delivery = find(store, "knocker_deliveries", id)?;
    let name = delivery.text("endpoint").unwrap_or_default();
    let provider = request::provider_of(store, name)?;
    let at = delivery.whole("received_at").unwrap_or_default();
    let mut story = Story::of("delivery", Some(id), Some(name));
    let outcome = delivery.text("outcome").unwrap_or_default();
    match outcome {
        "accepted" | "duplicate" => return linked(context, store, &delivery, part, story),
        "invalid" => {
            let reason = delivery.text("reason").unwrap_or("no reason");
            story.headline = format!("Delivery {id} to {name} was refused ({reason}): no event came of it.");
            story.happened(at, request::received(&delivery));
            story.happened(at, format!("refused: {}", delivery.text("detail").unwrap_or("without a detail")));
            refused(context, store, &delivery, provider, &mut story)?;
        }
        "too_large" => {
            story.headline = format!("Delivery {id} to {name} was too large (413): no event came of it.");
            story.happened(at, request::received(&delivery));
            too_large(context, store, &delivery, provider, &mut story)?;
        }
        "disabled" => {
            story.headline = format!("Delivery {id} came while {name} was disabled (410): no event came of it.");
            story.happened(at, request::received(&delivery));
            story.cause(enabled_now(store, name)?);
            story.command(context, &format!("endpoint enable {}", quoted(name)), "let the endpoint take what comes");
        }
        _ => {
            story.headline = format!("Delivery {id} to {name} was a handshake: it was answered, and is no event.");
            story.happened(at, request::received(&delivery));
            if let Some(provider) = provider {
                story.cause(format!("{}: {}.", provider.title, provider.handshake()));
            }
        }
    }
    if outcome != "handshake" {
        tries_again(provider, &mut story);
    }
    story.command(context, &format!("show delivery {id}"), "its headers and its body, as far as they are kept");
    Ok(story)
}

/// The ids of its events.
pub fn events_of(store: &Store, id: i64) -> Result<Vec<i64>> {
    let sql = "SELECT event_id FROM knocker_event_deliveries WHERE delivery_id = ?1 ORDER BY event_id LIMIT 10001";
    Ok(select(store.conn(), sql, [id])?.iter().filter_map(|row| row.whole("event_id")).collect())
}

/// One that belongs to events.
fn linked(context: &Context, store: &Store, delivery: &Row, part: Option<&str>, mut story: Story) -> Result<Story> {
    let id = delivery.whole("id").unwrap_or_default();
    let name = delivery.text("endpoint").unwrap_or_default();
    let is_duplicate = delivery.text("outcome") == Some("duplicate");
    story.headline = match (is_duplicate, delivery.whole("event_id")) {
        (false, Some(event)) => format!("Delivery {id} to {name} was accepted and became event {event}."),
        (true, Some(event)) => format!("Delivery {id} to {name} repeats event {event}: a duplicate, for which no handler runs again."),
        (_, None) => format!("Delivery {id} to {name} was valid; no event of it is left (pruned, or an empty batch)."),
    };
    if is_duplicate {
        let at = delivery.whole("received_at").unwrap_or_default();
        let first = "SELECT e.key, e.delivery_id, e.received_at FROM knocker_events e WHERE e.id = ?1";
        if let Some(first) = select(store.conn(), first, [delivery.whole("event_id")])?.pop() {
            let first_at = first.whole("received_at").unwrap_or_default();
            story.cause(format!(
                "It has the key of that event, {}, which came {} earlier as delivery {}.",
                first.text("key").unwrap_or_default(),
                moment::duration((at - first_at).abs()),
                first.get("delivery_id")
            ));
            if let Some(provider) = request::provider_of(store, name)? {
                let grain = format!("{} sends one occurrence again ({}) until it is answered 2xx.", provider.title, provider.retries());
                story.cause(if provider.retries() == "never" {
                    "The sender, or somebody at its dashboard, sent it again.".into()
                } else {
                    grain
                });
            }
        }
    }
    event::append_events(context, store, id, part, &mut story)?;
    Ok(story)
}

/// Why it was refused.
fn refused(context: &Context, store: &Store, delivery: &Row, provider: Option<&'static Provider>, story: &mut Story) -> Result {
    let id = delivery.whole("id").unwrap_or_default();
    let name = delivery.text("endpoint").unwrap_or_default();
    let reason = delivery.text("reason").and_then(Reason::from_name);
    let others = request::other_senders(delivery, provider);
    if !others.is_empty() {
        let own = provider.map_or("no provider", |provider| provider.title);
        story.cause(format!(
            "Its headers are those of {}, and {name} is an endpoint of {own}: the sender has the URL of another endpoint.",
            others.join(" or ")
        ));
    }
    if reason == Some(Reason::TimestampOutOfTolerance) {
        clocks(store, delivery, story)?;
    }
    if matches!(reason, Some(Reason::BadSignature | Reason::NoSecret | Reason::MissingHeader)) {
        story.causes.extend(compared_with_accepted(context, store, name, id)?);
    }
    match (reason, provider) {
        (Some(reason), Some(provider)) => story.causes.extend(provider.advice(reason)),
        _ => story.cause("The application refused it by its own word (knocker_ingest): its code and its log say why."),
    }
    if let Some(provider) = provider {
        let file = format!("verify {} request.http --secret-env SECRET --at {}", provider.name, rfc_3339(delivery));
        if matches!(reason, Some(Reason::BadSignature | Reason::MalformedHeader | Reason::MalformedBody)) {
            story.command(context, &file, "try a secret on a captured request");
        }
        if reason == Some(Reason::TimestampOutOfTolerance) && provider.option_defaults().get("tolerance_s").is_some() {
            let wider = format!("endpoint add {} --option tolerance_s=900", quoted(name));
            story.command(
                context,
                &wider,
                "where late ones are genuine: allow more seconds, at the price that a recorded one can be replayed for as long",
            );
        }
    }
    story.command(context, &format!("deliveries --endpoint {} --outcome invalid", quoted(name)), "what else was refused");
    Ok(())
}

fn rfc_3339(delivery: &Row) -> String {
    moment::show(delivery.whole("received_at").unwrap_or_default()).replace(' ', "T") + "Z"
}

/// What the accepted neighbours say of the secret.
pub fn compared_with_accepted(context: &Context, store: &Store, name: &str, id: i64) -> Result<Option<String>> {
    let before = nearest_accepted(store, name, id, true)?;
    let after = nearest_accepted(store, name, id, false)?;
    let told = |row: &Row| {
        let at = row.whole("received_at").unwrap_or_default();
        format!("delivery {}, {}", row.get("id"), moment::relative(at, context.now))
    };
    Ok(match (before, after) {
        (Some(before), Some(after)) => Some(format!(
            "Others were accepted before it ({}) and after it ({}): the secret is right, and this one was forged, altered on its way, or signed with another secret.",
            told(&before),
            told(&after)
        )),
        (Some(before), None) => Some(format!(
            "The last one that was accepted came before it ({}), and none soon after it: where genuine ones are refused now, a secret was changed on one side alone, or a deploy lost it.",
            told(&before)
        )),
        (None, Some(after)) => {
            Some(format!("None was accepted shortly before it; one was after it ({}): the secret is right since then.", told(&after)))
        }
        (None, None) => Some(format!(
            "Nothing of {name} was accepted around it: the secret, or the provider of the endpoint, is likely to be the wrong one."
        )),
    })
}

/// How far signed time and own clock are apart, here and in others.
fn clocks(store: &Store, delivery: &Row, story: &mut Story) -> Result {
    let Some(distance) = delivery.text("detail").and_then(signed_distance_s) else { return Ok(()) };
    let id = delivery.whole("id").unwrap_or_default();
    let near = details_near(store, delivery.text("endpoint").unwrap_or_default(), Reason::TimestampOutOfTolerance.name(), id)?;
    let distances: Vec<i64> = near.iter().filter_map(|detail| signed_distance_s(detail)).collect();
    let words = |seconds: i64| {
        let side = if seconds > 0 { "ahead of" } else { "behind" };
        format!("{} {side}", moment::duration(seconds.abs() * 1000))
    };
    story.cause(format!("When it came this machine's clock was {} the signed time ({distance} s).", words(distance)));
    let alike = distances.iter().filter(|other| (*other - distance).abs() <= 60).count();
    if alike >= 2 {
        story.cause(format!(
            "{} refused around it had the same difference: that is this machine's clock, not the requests. Set it right (NTP).",
            count(alike as i64, "delivery")
        ));
    } else if distances.is_empty() {
        story.cause(
            "No other delivery around it was refused for its time: it is this one that was late or replayed, rather than the clock.",
        );
    } else {
        story.cause(format!(
            "{} refused around it had other differences: those were late or replayed, rather than the clock wrong.",
            count(distances.len() as i64, "delivery")
        ));
    }
    Ok(())
}

/// How large it was, and what is allowed.
fn too_large(context: &Context, store: &Store, delivery: &Row, provider: Option<&'static Provider>, story: &mut Story) -> Result {
    let name = delivery.text("endpoint").unwrap_or_default();
    let size = delivery.whole("body_size").unwrap_or_default();
    let sql = "SELECT max_body_bytes FROM knocker_endpoints WHERE name = ?1";
    let most = select(store.conn(), sql, [name])?.pop().and_then(|row| row.whole("max_body_bytes")).unwrap_or_default();
    story.cause(format!(
        "Its body has {} ({size} bytes); {name} allows {} ({most} bytes) now.",
        printable::size(size),
        printable::size(most)
    ));
    match provider.and_then(|provider| Some((provider.title, provider.largest_body()?))) {
        Some((title, largest)) if size > largest => {
            story.cause(format!("{title} documents {largest} bytes as its largest: this one came from somebody else."));
        }
        Some((title, largest)) => story.cause(format!("{title} documents bodies of up to {largest} bytes: allow them.")),
        None => story.cause("Was it genuine? It was refused before anything was verified, and only its size and digest are kept."),
    }
    let needed = (size.max(1) as u64).next_power_of_two();
    story.command(context, &format!("endpoint add {} --max-body-bytes {needed}", quoted(name)), "allow such bodies, if they are genuine");
    Ok(())
}

/// Whether the endpoint takes deliveries now.
pub fn enabled_now(store: &Store, name: &str) -> Result<String> {
    let sql = "SELECT enabled, updated_at FROM knocker_endpoints WHERE name = ?1";
    Ok(match select(store.conn(), sql, [name])?.pop() {
        None => format!("There is no endpoint {name} any more."),
        Some(row) => {
            let since = moment::show(row.whole("updated_at").unwrap_or_default());
            let state = if row.get("enabled") == &serde_json::Value::Bool(true) {
                "enabled again"
            } else {
                "still disabled: it answers 410 to everything"
            };
            format!("{name} is {state}; its settings were changed last at {since} UTC.")
        }
    })
}

/// Whether the sender comes back by itself.
fn tries_again(provider: Option<&'static Provider>, story: &mut Story) {
    let Some(provider) = provider else { return };
    let title = provider.title;
    story.next(match provider.retries().as_str() {
        "never" => format!("{title} does not try again by itself: have it sent again at the sender."),
        "unknown" => format!("Whether {title} tries again is not documented: have it sent again at the sender."),
        retries => format!("If {title} sent it, it tries again by itself ({retries}); once the cause is mended the event comes."),
    });
    let last = provider.final_statuses();
    if !last.is_empty() && provider.retries() != "never" {
        story.next(format!("It gives up at once after: {last}."));
    }
}
