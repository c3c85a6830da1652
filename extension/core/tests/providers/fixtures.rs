//! What a provider's requests look like, and which parts of them are protected.

/// One kind of request of one provider.
pub struct Fixture {
    pub label: &'static str,
    pub provider: &'static str,
    pub options: &'static str,
    /// What verifies.
    pub secret: &'static str,
    /// Another one in the same form.
    pub other_secret: &'static str,
    /// What signs, where that is another key than the one that verifies.
    pub private_key: Option<&'static str>,
    pub body: Body,
    /// Headers that the request has before it is signed.
    pub headers: &'static [(&'static str, &'static str)],
    /// Headers of which every byte counts, from this offset on.
    pub signed_headers: &'static [(&'static str, usize)],
    pub url_signed: bool,
    pub region: Region,
    /// Whether the case of a letter makes no difference somewhere in it: hex keys, percent escapes.
    pub any_case: bool,
}

/// What bodies it takes.
#[derive(Clone, Copy)]
pub enum Body {
    Bytes,
    Form,
    Json,
    Adyen,
}

/// Which part of the body is protected.
#[derive(Clone, Copy, PartialEq)]
pub enum Region {
    /// Every byte.
    Whole,
    /// None: the sender is known and nothing else.
    Sender,
    /// Names and values of a form, and `&`: an `=` that becomes `&` leaves Twilio's signed text as it was.
    FormText,
    /// The value of the field passcode.
    Passcode,
    /// The signature object.
    MailgunSignature,
    /// A form whose last line end counts as nothing: Braintree's payloads lose it on some ways.
    BeforeLineEnd,
    /// The values of the signed fields and the signature.
    AdyenItem,
}

impl Region {
    /// The places in this body where a change must be noticed.
    pub fn places(self, body: &[u8]) -> Vec<usize> {
        let after = |name: &str| {
            let text = std::str::from_utf8(body).unwrap();
            let quoted = format!("\"{name}\":");
            let start = text.find(&quoted).unwrap() + quoted.len();
            let (start, end) = match text.as_bytes()[start] {
                b'{' => (start, text[start..].find('}').unwrap() + start + 1),
                b'"' => (start + 1, text[start + 1..].find('"').unwrap() + start + 1),
                _ => (start, text[start..].find([',', '}']).unwrap() + start),
            };
            start..end
        };
        match self {
            Region::Whole => (0..body.len()).collect(),
            Region::Sender => Vec::new(),
            Region::FormText => (0..body.len()).filter(|place| body[*place] != b'=').collect(),
            Region::BeforeLineEnd => (0..body.len() - if body.ends_with(b"%0A") { 3 } else { 0 }).collect(),
            Region::Passcode => after("passcode").collect(),
            Region::MailgunSignature => after("signature").collect(),
            Region::AdyenItem => {
                let fields = ["pspReference", "merchantAccountCode", "value", "currency", "eventCode", "success", "hmacSignature"];
                fields.into_iter().flat_map(after).collect()
            }
        }
    }
}

impl Fixture {
    /// A shared secret, and every byte of the body counts.
    pub const TYPICAL: Fixture = Fixture {
        label: "",
        provider: "",
        options: "",
        secret: "test-secret-1",
        other_secret: "other-secret-2",
        private_key: None,
        body: Body::Bytes,
        headers: &[],
        signed_headers: &[],
        url_signed: false,
        region: Region::Whole,
        any_case: false,
    };

    pub fn signing_secret(&self) -> &'static str {
        self.private_key.unwrap_or(self.secret)
    }

    pub fn sample_body(&self) -> Vec<u8> {
        let text = match self.body {
            Body::Bytes => "sample\r\n",
            Body::Form => "a=1&b=2",
            Body::Json => r#"{"a":1}"#,
            Body::Adyen => {
                r#"{"notificationItems":[{"NotificationRequestItem":{"pspReference":"p","merchantAccountCode":"m","amount":{"value":1,"currency":"EUR"},"eventCode":"REFUND","success":"true"}}]}"#
            }
        };
        text.as_bytes().to_vec()
    }
}

/// Headers that some provider looks at beside those that prove a request.
pub const OTHER_HEADERS: [&str; 10] = [
    "X-Hook-Secret",
    "X-Okta-Verification-Challenge",
    "X-Twilio-Webhooks-Signature-Settings",
    "X-HubSpot-Signature",
    "X-HubSpot-Signature-Version",
    "Twitch-Eventsub-Message-Type",
    "content-type",
    "webhook-signature",
    "shopify-hmac-sha256",
    "BOX-SIGNATURE-SECONDARY",
];

/// Pieces of bodies that get far into the readers.
pub const FRAGMENTS: [&str; 51] = [
    "--b\r\n",
    "\r\n--b",
    "--",
    "Content-Disposition: form-data; name=\"token\"\r\n\r\n",
    "content-disposition: x; filename=\"a;\\\"\"; name=",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    " ",
    "null",
    "1767225600",
    "-1e400",
    "\"id\":",
    "\"type\":",
    "\"event\":",
    "\"events\":",
    "\"data\":",
    "\"object\":\"page\"",
    "\"entry\":[{\"id\":\"1\",\"changes\":[{\"field\":\"f\"}]}]",
    "\"messaging\":[{\"message\":{}}]",
    "\"payload\":{\"plainToken\":\"x\"}",
    "\"notificationItems\":[{\"NotificationRequestItem\":{}}]",
    "\"signature\":{\"timestamp\":\"1\",\"token\":\"2\",\"signature\":\"00\"}",
    "\"passcode\":\"x\"",
    "\"challenge\":\"c\"",
    "\"url_verification\"",
    "\"webhookTimestamp\":1",
    "\"verification_token\":\"v\"",
    "\"update_id\":1",
    "\"x\"",
    "[{\"a\":1},{\"b\":[]}]",
    "{\"id\":\"1\",\"type\":\"t\"}",
    "{\"event\":{\"type\":\"t\",\"id\":\"1\"}}",
    "{\"events\":[{},1]}",
    "bt_signature=a%7C00",
    "&",
    "bt_payload=PA%3D%3D",
    "payload=%7B%7D",
    "command=%2Fx",
    "ssl_check=1",
    "=",
    "%",
    "%F",
    "\u{feff}",
    "\\ud800",
    "webhook_id=1",
];
