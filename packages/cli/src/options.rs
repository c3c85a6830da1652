//! The options of a provider, from the command line.

use knocker_core::providers::{Options, Provider};
use serde_json::{Map, Value};

use crate::failure::{Failure, Result};

/// Options of a provider.
#[derive(clap::Args, Debug, Clone, Default)]
pub struct OptionArgs {
    /// An option of the provider, such as tolerance_s=600; `knocker providers NAME` lists them
    #[arg(long = "option", short = 'o', value_name = "KEY=VALUE", value_parser = pair)]
    given: Vec<(String, String)>,

    /// The same with the value taken from an environment variable
    #[arg(long = "option-env", value_name = "KEY=NAME", value_parser = pair)]
    from_environment: Vec<(String, String)>,
}

impl OptionArgs {
    /// Whether there are any.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty() && self.from_environment.is_empty()
    }

    /// The options as JSON, over those in `base`. An empty value takes an option out.
    pub fn over(&self, base: Map<String, Value>, provider: &Provider) -> Result<Map<String, Value>> {
        let defaults = provider.option_defaults();
        let mut options = base;
        for (key, value) in &self.given {
            options.insert(key.clone(), typed(&defaults[key], value));
        }
        for (key, name) in &self.from_environment {
            let value = std::env::var(name)
                .map_err(|_| Failure::usage(format!("the environment variable {name:?} is not set"), "Set it, or name another one."))?;
            options.insert(key.clone(), typed(&defaults[key], &value));
        }
        options.retain(|_, value| value.as_str() != Some(""));
        Ok(options)
    }

    /// The options, checked by the provider.
    pub fn parse(&self, provider: &Provider) -> Result<Options> {
        Ok(provider.options(&Value::Object(self.over(Map::new(), provider)?).to_string())?)
    }
}

/// An option is a number where its default is one, else a text.
fn typed(default: &Value, value: &str) -> Value {
    match value.parse::<i64>() {
        Ok(number) if default.is_number() => number.into(),
        _ => value.into(),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give KEY=VALUE".into()),
    }
}
