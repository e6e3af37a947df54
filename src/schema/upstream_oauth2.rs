//! The `upstream_oauth2` section.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    format::{Ulid, Url},
    jwk::SigningAlgorithm,
};

/// Login through other identity providers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct UpstreamOauth2 {
    /// Identity providers, in the order in which the login page shows them. MAS copies this list to
    /// its database at every start, and disables providers that are no longer in it.
    pub providers: Vec<Provider>,
}

/// An OAuth 2.0 or OpenID Connect provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// ID of the provider, in the form of a ULID. It is part of the redirect URI to register with
    /// the provider: `<public_base>/upstream/callback/<id>`. Do not change it: MAS treats a new ID
    /// as a new provider, and users lose their links.
    #[schemars(example = &"01HFVBY12TMNTYTBV8W921M5FA")]
    pub id: Ulid,

    /// Whether users can log in through this provider. If Synapse's users have logged in through
    /// it, it must be enabled during the migration.
    #[schemars(extend("x-since" = "0.10.0", "x-default" = true))]
    pub enabled: Option<bool>,

    /// ID of the provider in Synapse, so that users keep their links to it. It is `oidc-` followed
    /// by the `idp_id` of the provider's entry in `oidc_providers`, or `oidc` for `oidc_config` and
    /// for an entry without `idp_id`.
    #[schemars(example = &"oidc-github", extend("x-since" = "0.14.0"))]
    pub synapse_idp_id: Option<String>,

    /// Issuer of the provider, exactly as in its discovery document. Required unless
    /// `discovery_mode` is `disabled`.
    #[schemars(
        example = &"https://accounts.example.com/",
        extend("x-required-before" = "0.13.0")
    )]
    pub issuer: Option<String>,

    /// Name of the provider on the login page.
    #[schemars(example = &"Example ID")]
    pub human_name: Option<String>,

    /// Brand whose logo to show. MAS's own pages know `apple`, `google`, `facebook`, `github`,
    /// `gitlab` and `twitter`.
    #[schemars(example = &"google")]
    pub brand_name: Option<String>,

    /// Client ID of MAS at the provider.
    #[schemars(example = &"mas")]
    pub client_id: String,

    /// Client secret of MAS at the provider, for the `client_secret_*` methods.
    #[schemars(extend("x-secret" = true))]
    pub client_secret: Option<String>,

    /// File that contains the client secret of MAS at the provider.
    #[schemars(example = &"/run/secrets/oidc-client-secret", extend("x-since" = "1.7.0"))]
    #[schemars(extend("x-file-of" = "client_secret"))]
    pub client_secret_file: Option<String>,

    /// How MAS authenticates to the provider.
    pub token_endpoint_auth_method: TokenAuthMethod,

    /// Key for the method `sign_in_with_apple`.
    #[schemars(extend("x-since" = "0.13.0", "x-nullable" = true))]
    pub sign_in_with_apple: Option<SignInWithApple>,

    /// Algorithm that signs the JWT of the methods `client_secret_jwt` and `private_key_jwt`.
    pub token_endpoint_auth_signing_alg: Option<SigningAlgorithm>,

    /// Algorithm with which the provider must sign ID tokens.
    #[schemars(extend("x-since" = "0.13.0", "x-default" = "RS256"))]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,

    /// Scopes to request, separated by spaces. OpenID Connect requires `openid`.
    #[schemars(
        example = &"openid profile email",
        extend("x-required-before" = "0.17.0", "x-default" = "openid")
    )]
    pub scope: Option<String>,

    /// How MAS discovers the provider's endpoints.
    #[schemars(extend("x-default" = "oidc"))]
    pub discovery_mode: Option<DiscoveryMode>,

    /// Whether to protect logins with PKCE.
    #[schemars(extend("x-default" = "auto"))]
    pub pkce_method: Option<PkceMethod>,

    /// Whether to fetch claims from the userinfo endpoint. Needed for providers whose ID tokens
    /// lack some claims, and for OAuth 2.0 providers without OpenID Connect.
    #[schemars(extend("x-since" = "0.13.0", "default" = false))]
    pub fetch_userinfo: Option<bool>,

    /// Algorithm with which the userinfo endpoint must sign its responses. If unset, MAS does not
    /// request signed responses.
    #[schemars(extend("x-since" = "0.13.0"))]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,

    /// Authorization endpoint of the provider, instead of the discovered one.
    #[schemars(extend("x-default-text" = "discovered"))]
    #[schemars(example = &"https://id.example.com/authorize")]
    pub authorization_endpoint: Option<Url>,

    /// Userinfo endpoint of the provider, instead of the discovered one.
    #[schemars(extend("x-since" = "0.13.0", "x-default-text" = "discovered"))]
    #[schemars(example = &"https://id.example.com/userinfo")]
    pub userinfo_endpoint: Option<Url>,

    /// Token endpoint of the provider, instead of the discovered one.
    #[schemars(extend("x-default-text" = "discovered"))]
    #[schemars(example = &"https://id.example.com/token")]
    pub token_endpoint: Option<Url>,

    /// URL of the provider's keys, instead of the discovered one.
    #[schemars(extend("x-default-text" = "discovered"))]
    #[schemars(example = &"https://id.example.com/keys")]
    pub jwks_uri: Option<Url>,

    /// How the provider returns users to MAS.
    #[schemars(extend("x-since" = "0.13.0", "x-default-text" = "`query`"))]
    pub response_mode: Option<ResponseMode>,

    /// Which user data to import from the provider.
    pub claims_imports: Option<ClaimsImports>,

    /// Additional parameters of the authorization request. Since MAS 1.20.0, their values are
    /// templates.
    #[schemars(example = serde_json::json!({"prompt": "select_account"}), extend("x-default" = {}))]
    pub additional_authorization_parameters: Option<BTreeMap<String, String>>,

    /// Whether to forward the client's `login_hint` to the provider.
    #[schemars(extend("x-since" = "0.17.0", "default" = false))]
    pub forward_login_hint: Option<bool>,

    /// What to do when the provider reports that a user has logged out.
    #[schemars(extend("x-since" = "0.19.0", "x-default" = "do_nothing"))]
    pub on_backchannel_logout: Option<OnBackchannelLogout>,

    /// Whether registering through this provider requires a registration token.
    #[schemars(extend("x-since" = "1.19.0", "default" = false))]
    pub registration_token_required: Option<bool>,
}

/// How MAS authenticates to a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenAuthMethod {
    /// No authentication.
    None,
    /// `client_secret` in the `Authorization` header.
    ClientSecretBasic,
    /// `client_secret` in the request body.
    ClientSecretPost,
    /// A JWT signed with `client_secret`.
    ClientSecretJwt,
    /// A JWT signed with a key from the `secrets` section.
    PrivateKeyJwt,
    /// Apple's method, with the key in `sign_in_with_apple`.
    #[schemars(extend("x-since" = "0.13.0"))]
    SignInWithApple,
}

/// A key for Sign in with Apple.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignInWithApple {
    /// Private key in PEM format.
    #[schemars(extend("x-secret" = true, "x-required-before" = "0.16.0"))]
    pub private_key: Option<String>,

    /// File that contains the private key.
    #[schemars(example = &"/run/secrets/apple-key", extend("x-since" = "0.16.0"))]
    #[schemars(extend("x-file-of" = "private_key"))]
    pub private_key_file: Option<String>,

    /// Team ID, as assigned by Apple.
    #[schemars(example = &"ABCDE12345")]
    pub team_id: String,

    /// Key ID, as assigned by Apple.
    #[schemars(example = &"FGHIJ67890")]
    pub key_id: String,
}

/// How MAS discovers a provider's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscoveryMode {
    /// From the discovery document, with strict validation.
    Oidc,
    /// From the discovery document, without validation.
    Insecure,
    /// From the configuration, without discovery.
    Disabled,
}

/// Whether to use PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PkceMethod {
    /// If the discovery document advertises it.
    Auto,
    /// Always, with SHA-256.
    Always,
    /// Never.
    Never,
}

/// How a provider returns users to MAS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query string of a redirect.
    Query,
    /// In a form. Apple requires this.
    FormPost,
}

/// What to do when a provider reports a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBackchannelLogout {
    /// Only write it to the log.
    DoNothing,
    /// End the browser session at MAS.
    LogoutBrowserOnly,
    /// End the browser session and all client sessions that were started from it.
    LogoutAll,
}

/// User data to import from a provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ClaimsImports {
    /// Identifier of the user at the provider.
    pub subject: Option<Subject>,

    /// Whether new users skip the page that shows their future account. Requires `localpart.action
    /// = "require"`, and no action may be `suggest`.
    #[schemars(extend("x-since" = "1.8.0", "x-default" = false))]
    pub skip_confirmation: Option<bool>,

    /// User name: the part before the colon in a Matrix user ID.
    pub localpart: Option<Localpart>,

    /// Display name.
    pub displayname: Option<Displayname>,

    /// Email address.
    pub email: Option<EmailImport>,

    /// Name of the account at the provider, so that users can see which account they used.
    #[schemars(extend("x-since" = "0.13.0"))]
    pub account_name: Option<AccountName>,
}

/// Identifier of a user at a provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Template of the value. The claims are available as `user`.
    #[schemars(example = &"{{ user.sub }}", extend("x-default-text" = "`{{ user.sub }}`"))]
    pub template: Option<String>,
}

/// How to import the user name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Localpart {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value. The claims are available as `user`.
    #[schemars(
        example = &"{{ user.preferred_username | lower }}",
        extend("x-default-text" = "`{{ user.preferred_username }}`")
    )]
    pub template: Option<String>,

    /// What to do if an account with this name already exists. Every value except `fail` gives that
    /// account to whoever has the name at the provider.
    #[schemars(extend("x-since" = "0.20.0", "x-default" = "fail"))]
    pub on_conflict: Option<OnConflict>,
}

/// How to import the display name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Displayname {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value. The claims are available as `user`.
    #[schemars(extend("x-default-text" = "`{{ user.name }}`"))]
    #[schemars(example = &"{{ user.name }}")]
    pub template: Option<String>,
}

/// How to import the email address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EmailImport {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value. The claims are available as `user`.
    #[schemars(extend("x-default-text" = "`{{ user.email }}`"))]
    #[schemars(example = &"{{ user.email }}")]
    pub template: Option<String>,

    /// When to consider the address verified. MAS 0.13.0 removed this option and ignores it.
    #[schemars(extend("x-removed" = "0.13.0"))]
    pub set_email_verification: Option<SetEmailVerification>,
}

/// When to consider an email address verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetEmailVerification {
    /// Always.
    Always,
    /// Never.
    Never,
    /// If the provider says that it is verified.
    Import,
}

/// How to import the name of the account at a provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct AccountName {
    /// Template of the value. The claims are available as `user`.
    #[schemars(example = &"@{{ user.preferred_username }}")]
    pub template: Option<String>,
}

/// What to do with a value from a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportAction {
    /// Ignore the value.
    Ignore,
    /// Suggest the value to the user.
    Suggest,
    /// Use the value, if there is one.
    Force,
    /// Use the value, and refuse the login if there is none.
    Require,
}

/// What to do if an account with this name already exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse the login.
    Fail,
    /// Link the account, regardless of its existing links.
    Add,
    /// Link the account, replacing its existing link to this provider.
    #[schemars(extend("x-since" = "1.8.0"))]
    Replace,
    /// Link the account, unless it already has a link to this provider.
    #[schemars(extend("x-since" = "1.8.0"))]
    Set,
}
