//! Names that callers give: each is checked once, at its `parse` door.

use super::Malformed;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SmolStr);

        impl $name {
            #[doc = concat!("Accepts ", $rule, ".")]
            pub fn parse(text: impl Into<SmolStr>) -> Result<Self, Malformed> {
                let text = text.into();
                let accepts: fn(&[u8]) -> bool = $accepts;
                if accepts(text.as_bytes()) {
                    Ok(Self(text))
                } else {
                    Err(Malformed(format!(
                        concat!(stringify!($name), " must be ", $rule, ", not {:?}"),
                        text.chars().take(160).collect::<String>(),
                    )))
                }
            }

            /// The name's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The name's text.
            pub fn into_string(self) -> String {
                self.0.into()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

macro_rules! stored {
    ($($name:ident),*) => {$(
        impl $name {
            /// What a row says: only what `parse` let in is ever stored.
            pub(crate) fn from_row(text: &str) -> Self {
                Self(SmolStr::new(text))
            }
        }
    )*};
}

stored!(Sku, OrderId, WarehouseCode, Adcode);

fn visible(text: &[u8], bytes_max: usize) -> bool {
    (1..=bytes_max).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic)
}

name!(
    /// A stock-keeping unit.
    Sku, "1..64 visible ASCII characters", |text| visible(text, 64)
);
name!(
    /// The caller's serial number of an order.
    OrderId, "1..128 visible ASCII characters", |text| visible(text, 128)
);
name!(
    /// The caller's name for one attempt at an operation.
    RequestId, "1..128 visible ASCII characters", |text| visible(text, 128)
);
name!(
    /// A warehouse's code.
    WarehouseCode, "1..64 visible ASCII characters", |text| visible(text, 64)
);
name!(
    /// A GB/T 2260 area code.
    Adcode, "six digits", |text| text.len() == 6 && text.iter().all(u8::is_ascii_digit)
);
name!(
    /// What skus with the same restrictions have in common.
    Category, "1..64 visible ASCII characters", |text| visible(text, 64)
);
name!(
    /// What people call a thing, in any script.
    Label, "1..128 characters, none of them a control character", |text| {
        std::str::from_utf8(text).is_ok_and(|text| {
            (1..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control)
        })
    }
);
name!(
    /// Why an operator corrects a counter.
    Reason, "1..128 visible ASCII characters or spaces", |text| {
        (1..=128).contains(&text.len())
            && text.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_accept_exactly_their_bounds() {
        assert!(Sku::parse("a").is_ok());
        assert!(Sku::parse("a".repeat(64)).is_ok());
        assert!(OrderId::parse("~".repeat(128)).is_ok());
        assert!(Reason::parse("goods found in aisle 3").is_ok());
        assert!(Adcode::parse("440305").is_ok());
        for text in [String::new(), "a".repeat(65), "a b".into(), "é".into(), "a\n".into()] {
            assert!(Sku::parse(text.clone()).is_err(), "{text:?}");
            assert!(WarehouseCode::parse(text.clone()).is_err(), "{text:?}");
        }
        assert!(Label::parse("深圳一号仓").is_ok());
        assert!(Label::parse("仓".repeat(128)).is_ok());
        for text in [String::new(), "仓".repeat(129), "a\tb".into()] {
            assert!(Label::parse(text.clone()).is_err(), "{text:?}");
        }
        for text in ["44030", "4403051", "44030x", ""] {
            assert!(Adcode::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_refused_name_says_what_it_must_be() {
        assert_eq!(
            Adcode::parse("44").unwrap_err().to_string(),
            "Adcode must be six digits, not \"44\"",
        );
    }
}
