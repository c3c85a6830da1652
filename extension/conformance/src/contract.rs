//! `extension/contract/contract.json`: what each function takes and returns, and what a row of each view holds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// The parts of the document that tests need.
#[derive(Deserialize)]
pub struct Contract {
    lists: Vec<List>,
    records: Vec<Record>,
    functions: Vec<Function>,
    views: Vec<View>,
}

#[derive(Deserialize)]
struct List {
    name: String,
    words: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Record {
    name: String,
    fields: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    list: bool,
    nullable: bool,
}

/// A SQL function.
#[derive(Deserialize)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// Its arguments in order.
    pub arguments: Vec<FunctionArgument>,
    result: Gift,
}

/// One argument of it.
#[derive(Deserialize)]
pub struct FunctionArgument {
    /// Its name.
    pub name: String,
    /// Whether it may be left out.
    pub optional: bool,
}

#[derive(Deserialize)]
struct Gift {
    #[serde(rename = "type")]
    kind: String,
    nullable: bool,
}

#[derive(Deserialize)]
struct View {
    name: String,
    record: String,
}

impl Contract {
    /// The committed document.
    ///
    /// # Panics
    /// Where it cannot be read.
    pub fn get() -> &'static Self {
        static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);
        &CONTRACT
    }

    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contract/contract.json");
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Every function with the fewest and the most arguments that it takes.
    pub fn arities(&self) -> BTreeMap<String, (usize, usize)> {
        let arity = |function: &Function| {
            let most = function.arguments.len();
            (function.name.clone(), (most - function.arguments.iter().filter(|argument| argument.optional).count(), most))
        };
        self.functions.iter().map(arity).collect()
    }

    /// The function of this name.
    pub fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The names of the views.
    pub fn views(&self) -> impl Iterator<Item = &str> {
        self.views.iter().map(|view| view.name.as_str())
    }

    /// Whether this is what the function returns.
    ///
    /// # Errors
    /// What is not as the contract says.
    pub fn check_result(&self, function: &str, result: &Value) -> Result<(), String> {
        let gift = &self.function(function).ok_or_else(|| format!("the contract knows no {function}"))?.result;
        self.check(function, result, &gift.kind, false, gift.nullable)
    }

    /// Whether this is a row of the view.
    ///
    /// # Errors
    /// What is not as the contract says.
    pub fn check_row(&self, view: &str, row: &Value) -> Result<(), String> {
        let record = &self.views.iter().find(|known| known.name == view).ok_or_else(|| format!("the contract knows no {view}"))?.record;
        self.check(view, row, record, false, false)
    }

    fn check(&self, place: &str, value: &Value, kind: &str, list: bool, nullable: bool) -> Result<(), String> {
        if value.is_null() && nullable {
            return Ok(());
        }
        if list {
            let values = value.as_array().ok_or_else(|| format!("{place}: {value} is no list"))?;
            return values.iter().try_for_each(|value| self.check(place, value, kind, false, false));
        }
        if let Some(record) = self.records.iter().find(|record| record.name == kind) {
            return self.check_record(place, value, record);
        }
        let right = match kind {
            "text" => value.is_string(),
            "integer" | "time" => value.is_i64(),
            "number" => value.is_number(),
            // Flags are numbers in SQL.
            "boolean" => value.is_boolean() || value == 0 || value == 1,
            // As the data files write it.
            "bytes" => value.is_string() || value["$base64"].is_string(),
            "object" | "texts" | "headers" => value.is_object(),
            list => {
                let list = self.lists.iter().find(|known| known.name == list).ok_or_else(|| format!("the contract knows no {kind}"))?;
                list.words.iter().any(|word| value == word.name.as_str())
            }
        };
        if right { Ok(()) } else { Err(format!("{place}: {value} is no {kind}")) }
    }

    fn check_record(&self, place: &str, value: &Value, record: &Record) -> Result<(), String> {
        let object = value.as_object().ok_or_else(|| format!("{place}: {value} is no {}", record.name))?;
        if let Some(name) = object.keys().find(|name| record.fields.iter().all(|field| field.name != **name)) {
            return Err(format!("{place}: the contract knows no {name}"));
        }
        for Member { name, kind, list, nullable } in &record.fields {
            let value = object.get(name).ok_or_else(|| format!("{place}: there is no {name}"))?;
            self.check(&format!("{place}.{name}"), value, kind, *list, *nullable)?;
        }
        Ok(())
    }
}
