//! Adyen signs eight fields of each payment notification, inside the body; its other products sign the whole body in a header.

use super::engine::context::Context;
use super::engine::digest::Hash;
use super::engine::encoding::{Encoding, KeyForm};
use super::engine::event::{Batch, Event, Source};
use super::engine::json::Json;
use super::engine::json_edit;
use super::engine::refusal::{Checked, Refusal};
use super::engine::signature::SignatureScheme;
use super::engine::template::Part;
use super::provider::{CustomScheme, Provider, Reply, Scheme};
use super::redelivery::{DAY, Grain, Proof, Redelivery, Repeat, Retries};
use super::secrets::Secrets;
use super::types::Types;
use super::verdict::{Reason, Signed};
use crate::error::{Error, Result};

pub(crate) static ADYEN: Provider = Provider {
    name: "adyen",
    title: "Adyen",
    docs: "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures",
    scheme: Scheme::Custom(CustomScheme {
        about: "HMAC-SHA-256 with a hex key, base64: over eight fields of each item in additionalData.hmacSignature, or over `{body}` in a header",
        headers: &["hmacsignature"],
        signed: &[Part::Body],
        verify,
        sign,
    }),
    event: Event {
        types: &[EVENT, Source::Json("type")],
        keys: &[
            // A report's reference is the name of its file, which each merchant of a company may have.
            Source::All(&[REFERENCE, MERCHANT, EVENT, SUCCESS]),
            Source::All(&[REFERENCE, EVENT, SUCCESS]),
            // The other products' bodies.
            Source::DigestWith(&[Source::Json("timestamp"), Source::Json("eventId")]),
        ],
        batch: Batch::Path("notificationItems"),
        ..Event::UNKNOWN
    },
    redelivery: Redelivery {
        retries: Retries::For(30 * DAY),
        body: Repeat::Unknown,
        id: Repeat::Same,
        timestamp: Repeat::Absent,
        proof: Proof::Signed,
        grain: Grain::Occurrence,
        note: "Adyen says to tell repeats by eventCode and pspReference; a report that is made again under the same name has the same identity",
    },
    success: Reply::Text(200, "[accepted]"),
    types: Types::Some(&["AUTHORISATION", "CAPTURE", "REFUND", "CHARGEBACK", "REPORT_AVAILABLE", "balancePlatform.transfer.updated"]),
    trouble: &[(
        Reason::BadSignature,
        "the secret is the HMAC key (hex) of this webhook in the Customer Area; test and live have different ones, and a new key takes some minutes to be used",
    )],
    ..Provider::BASE
};

const EVENT: Source = Source::Json("NotificationRequestItem.eventCode");
const REFERENCE: Source = Source::Json("NotificationRequestItem.pspReference");
const MERCHANT: Source = Source::Json("NotificationRequestItem.merchantAccountCode");
const SUCCESS: Source = Source::Json("NotificationRequestItem.success");

const BODY_SCHEME: SignatureScheme<'static> =
    SignatureScheme { encoding: Encoding::Base64, key: KeyForm::Hex, ..SignatureScheme::hex_of_body("hmacsignature") };

const SIGNED_FIELDS: [&str; 8] = [
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount.value",
    "amount.currency",
    "eventCode",
    "success",
];

const SIGNATURE: &str = "additionalData.hmacSignature";

fn verify<'s>(context: &Context, secrets: &'s Secrets) -> Checked<&'s str> {
    let Some(items) = notifications(context) else {
        return BODY_SCHEME.verify(context, secrets);
    };
    if items.is_empty() {
        return Err(Refusal::body("the body has no notification item"));
    }
    let mut signed = Vec::new();
    for item in items {
        // An item outside its wrapper would be verified and then read as something else.
        let item = item.ok_or_else(|| Refusal::body("an item is not in a NotificationRequestItem"))?;
        let signature =
            item.get(SIGNATURE).and_then(Json::string).ok_or_else(|| Refusal::body("an item has no additionalData.hmacSignature"))?;
        let signature = Encoding::Base64.decode(&signature).ok_or_else(|| Refusal::body("an item's hmacSignature is not base64"))?;
        signed.push((signed_fields(item), signature));
    }
    let mut any_key = false;
    // One secret must have signed every item.
    let signs_all = |secret: &&str| {
        let Some(key) = KeyForm::Hex.key(secret) else { return false };
        any_key = true;
        signed.iter().all(|(fields, signature)| Hash::Sha256.hmac(&key, &[fields.as_bytes()]).matches(signature))
    };
    match secrets.usable().find(signs_all) {
        // The rest of the body is not signed, so a second `success` could be put beside the signed one.
        Some(_) if !Json::parse(context.body()).is_some_and(Json::is_unambiguous) => {
            Err(Refusal::body("the body has two fields of one name"))
        }
        Some(secret) => Ok(secret),
        None if !any_key => Err(Refusal::new(Reason::NoSecret, "no secret is in hex, as Adyen's are")),
        None => Err(Refusal::signature()),
    }
}

/// The items of a payment notification, each from its wrapper; `None` for the body of another product.
fn notifications<'a>(context: &Context<'a>) -> Option<Vec<Option<Json<'a>>>> {
    let items = Json::parse(context.body())?.get("notificationItems")?.elements()?;
    let wrapped = |item: Json<'a>| item.get("NotificationRequestItem").filter(|item| item.is_object());
    Some(items.into_iter().map(wrapped).collect())
}

fn signed_fields(item: Json) -> String {
    item.get_each(SIGNED_FIELDS).map(|field| field.and_then(Json::text).unwrap_or_default()).join(":")
}

fn sign(context: &Context, secret: &str) -> Result<Signed> {
    let Some(items) = notifications(context) else {
        return BODY_SCHEME.sign(context, secret);
    };
    let key = KeyForm::Hex.key(secret).ok_or_else(|| Error::invalid("the secret is not in hex, as Adyen's are"))?;
    let mut body = std::str::from_utf8(context.body()).map_err(|_| Error::invalid("the body is not UTF-8"))?.to_owned();
    // From the last to the first, so that the places of the others stay right.
    for item in items.into_iter().rev() {
        let item = item.ok_or_else(|| Error::invalid("an item is not in a NotificationRequestItem"))?;
        let signature = Encoding::Base64.encode(Hash::Sha256.hmac(&key, &[signed_fields(item).as_bytes()]).bytes());
        let additional = item.get("additionalData").filter(|json| json.is_object()).map_or(&b""[..], Json::bytes);
        let additional = json_edit::set(additional, "hmacSignature", &format!("\"{signature}\""))?;
        body.replace_range(item.span_in(context.body()), &json_edit::set(item.bytes(), "additionalData", &additional)?);
    }
    Ok(Signed { body: Some(body), ..Signed::default() })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    const SECRET: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

    fn case() -> Case {
        Case::new("adyen").secret(SECRET)
    }

    /// The signed fields are those of Adyen's published example.
    fn published(signature: &str) -> String {
        format!(
            r#"{{"live": "false", "notificationItems": [{{"NotificationRequestItem": {{"pspReference": "7914073381342284",
            "merchantAccountCode": "TestMerchant", "merchantReference": "TestPayment-1407325143704",
            "amount": {{"value": 1130, "currency": "EUR"}}, "eventCode": "AUTHORISATION", "success": "true", "additionalData": {{"hmacSignature": "{signature}"}}}}}}]}}"#
        )
    }

    #[test]
    fn the_published_example_verifies() {
        let good = case().body(published("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="));
        let items = good.items();
        assert_eq!(items[0].event_type.as_deref(), Some("AUTHORISATION"));
        assert_eq!(items[0].key.as_deref(), Some("7914073381342284:TestMerchant:AUTHORISATION:true"));
        assert_eq!(good.verdict().response.body, "[accepted]");
        assert_eq!(case().body(published("AAAA")).refusal(), Reason::BadSignature);
        assert_eq!(case().body(published("?")).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn every_item_must_be_signed() {
        let item = |reference: &str| {
            format!(r#"{{"NotificationRequestItem": {{"pspReference": "{reference}", "eventCode": "REFUND", "success": "true"}}}}"#)
        };
        let body = format!(r#"{{"notificationItems": [{}, {}]}}"#, item("a"), item("b"));
        let signed = case().body(&body).signed();
        assert_eq!(signed.items().len(), 2);
        let text = String::from_utf8(signed.request().body.to_vec()).unwrap();
        let other = text.replace("\"pspReference\": \"b\"", "\"pspReference\": \"c\"");
        assert_eq!(case().body(other).refusal(), Reason::BadSignature);
        assert_eq!(case().body(&body).refusal(), Reason::MalformedBody);
        assert_eq!(case().body(r#"{"notificationItems": []}"#).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn an_item_outside_its_wrapper_is_none() {
        let wrapped = published("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=");
        let bare = wrapped.replacen(r#"{"NotificationRequestItem": "#, "", 1).replacen("}}}]}", "}}]}", 1);
        assert!(serde_json::from_str::<serde_json::Value>(&bare).is_ok());
        assert_eq!(case().body(bare).refusal(), Reason::MalformedBody);
        assert_eq!(case().body(r#"{"notificationItems": [1]}"#).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn a_field_beside_the_signed_one_is_refused() {
        let body = published("coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
            .replace(r#""success": "true""#, r#""success": "true", "success": "false""#);
        assert_eq!(case().body(body).refusal(), Reason::MalformedBody);
    }

    #[test]
    fn other_products_sign_the_body() {
        let signed = case().body(r#"{"type": "balancePlatform.transfer.created", "timestamp": "t", "data": {"id": "1"}}"#).signed();
        assert_eq!(signed.event().0.as_deref(), Some("balancePlatform.transfer.created"));
        assert_eq!(signed.body("{}").refusal(), Reason::BadSignature);
        assert_eq!(Case::new("adyen").secret("not hex").body("{}").header("hmacsignature", "AAAA").refusal(), Reason::NoSecret);
    }
}
