//! Bearer tokens and what their roles allow.

use std::fmt;
use std::str::FromStr;

use subtle::{Choice, ConstantTimeEq};

use crate::problem::{FORBIDDEN, Problem, UNAUTHORIZED};

/// What a caller may do; each role may do all that the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// See stock, orders and changes.
    Read,
    /// Place and move orders.
    Trade,
    /// Correct stock, and audit.
    Admin,
}

impl Role {
    /// Its name in the configuration and in problems.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Read => "read",
            Role::Trade => "trade",
            Role::Admin => "admin",
        }
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Role::Read, Role::Trade, Role::Admin]
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(())
    }
}

/// The fewest characters of a token: 96 bits when it is random base64.
pub const TOKEN_BYTES_MIN: usize = 16;

/// A secret and its role. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    role: Role,
    secret: String,
}

impl Token {
    /// `None` for a secret shorter than [`TOKEN_BYTES_MIN`] or with other than visible ASCII, which
    /// a header could not carry.
    pub fn new(role: Role, secret: &str) -> Option<Self> {
        let fits = secret.len() >= TOKEN_BYTES_MIN && secret.bytes().all(|b| b.is_ascii_graphic());
        fits.then(|| Self { role, secret: secret.to_owned() })
    }

    /// What its bearer may do.
    pub fn role(&self) -> Role {
        self.role
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("role", &self.role).finish_non_exhaustive()
    }
}

/// What a route asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing, ever: probes and the API's own description.
    Open,
    /// At least this role, once tokens are configured.
    Needs(Role),
}

/// The tokens of a setting: `ROLE:TOKEN,…`. The error says what it should be.
pub fn parse_tokens(text: &str) -> Result<Vec<Token>, String> {
    let token = |entry: &str| {
        let (role, secret) = entry.split_once(':')?;
        Token::new(role.parse::<Role>().ok()?, secret)
    };
    let entries = text.split(',').filter(|entry| !entry.is_empty());
    entries.map(token).collect::<Option<Vec<_>>>().ok_or_else(|| {
        format!(
            "ROLE:TOKEN,… with the roles read, trade and admin, and tokens of at least \
             {TOKEN_BYTES_MIN} visible ASCII characters without ','"
        )
    })
}

/// The caller's role, by the value of the header `Authorization`. Without configured
/// tokens everybody is admin, which MUST be allowed on loopback addresses only.
pub fn admit(
    tokens: &[Token],
    access: Access,
    authorization: Option<&[u8]>,
) -> Result<Role, Problem> {
    let Access::Needs(needed) = access else {
        return Ok(Role::Read);
    };
    if tokens.is_empty() {
        return Ok(Role::Admin);
    }
    let presented = authorization.and_then(bearer).ok_or_else(|| {
        Problem::new(&UNAUTHORIZED, "send the header Authorization: Bearer TOKEN")
    })?;
    let role = role_of(tokens, presented)
        .ok_or_else(|| Problem::new(&UNAUTHORIZED, "the bearer token is not known here"))?;
    require(role, needed)?;
    Ok(role)
}

/// Refuses a role below `needed`.
pub fn require(role: Role, needed: Role) -> Result<(), Problem> {
    if role >= needed {
        return Ok(());
    }
    let detail =
        format!("this needs the role {}; the token has {}", needed.as_str(), role.as_str());
    Err(Problem::new(&FORBIDDEN, detail)
        .with("needed", needed.as_str())
        .with("role", role.as_str()))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Compares with every token to the end, so that time tells nothing but lengths.
fn role_of(tokens: &[Token], presented: &[u8]) -> Option<Role> {
    let mut found = None;
    for token in tokens {
        let equal: Choice = token.secret.as_bytes().ct_eq(presented);
        if bool::from(equal) {
            found = found.max(Some(token.role));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRADER: &str = "trade-0123456789";

    fn status(authorization: Option<&str>, access: Access) -> u16 {
        let tokens = [
            Token::new(Role::Read, "read-0123456789ab").unwrap(),
            Token::new(Role::Trade, TRADER).unwrap(),
        ];
        match admit(&tokens, access, authorization.map(str::as_bytes)) {
            Ok(_) => 200,
            Err(problem) => problem.kind.status.as_u16(),
        }
    }

    #[test]
    fn a_role_allows_itself_and_what_is_below() {
        let trader = format!("Bearer {TRADER}");
        assert_eq!(status(Some(&trader), Access::Needs(Role::Read)), 200);
        assert_eq!(status(Some(&trader), Access::Needs(Role::Trade)), 200);
        assert_eq!(status(Some(&trader), Access::Needs(Role::Admin)), 403);
    }

    #[test]
    fn without_a_known_token_only_open_routes_answer() {
        for header in [None, Some("Bearer"), Some("Bearer x"), Some("Basic dHJhZGU="), Some("é")] {
            assert_eq!(status(header, Access::Needs(Role::Read)), 401, "{header:?}");
            assert_eq!(status(header, Access::Open), 200, "{header:?}");
        }
        let longer = format!("Bearer {TRADER}x");
        assert_eq!(status(Some(&longer), Access::Needs(Role::Read)), 401);
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        assert_eq!(status(Some(&format!("bearer {TRADER}")), Access::Needs(Role::Trade)), 200);
    }

    #[test]
    fn a_token_never_shows_in_debug_output() {
        let token = Token::new(Role::Admin, "very-secret-token").unwrap();
        assert!(!format!("{token:?}").contains("secret-token"));
    }

    #[test]
    fn short_and_unsendable_tokens_are_refused() {
        assert!(Token::new(Role::Read, "fifteen-bytes-x").is_none());
        assert!(Token::new(Role::Read, "sixteen bytes xx").is_none());
        assert!(Token::new(Role::Read, "sixteen-bytes-xx").is_some());
    }
}
