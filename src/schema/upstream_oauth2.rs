//! The `upstream_oauth2` section.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use super::{
    format::{Ulid, Url},
    jwk::SigningAlgorithm,
};

/// Logging in through other identity providers.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct UpstreamOauth2 {
    /// The providers, in the order the login page shows them. MAS copies this list into its
    /// database at every start and disables a provider that is no longer in it.
    pub providers: Vec<Provider>,
}

/// An OAuth 2.0 or OpenID Connect provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// What identifies the provider, in the form of a ULID. It is part of the redirect URI that
    /// the provider has to know: `<public_base>/upstream/callback/<id>`. Never change it: a new id
    /// is a new provider, and users lose their link.
    #[schemars(example = &"01HFVBY12TMNTYTBV8W921M5FA")]
    pub id: Ulid,

    /// Whether users can log in through this provider. A provider that Synapse's users came from
    /// must be enabled while they are moved.
    #[schemars(extend("x-since" = "0.10.0", "x-default" = true))]
    pub enabled: Option<bool>,

    /// The provider's name in Synapse, so that users keep their link to it: `oidc-` and the
    /// `idp_id` of its entry in `oidc_providers`, or `oidc` for `oidc_config` and for an entry
    /// without `idp_id`.
    #[schemars(example = &"oidc-github", extend("x-since" = "0.14.0"))]
    pub synapse_idp_id: Option<String>,

    /// The provider's issuer, exactly as its discovery document gives it. Needed unless
    /// `discovery_mode` is `disabled`.
    #[schemars(
        example = &"https://accounts.example.com/",
        extend("x-required-before" = "0.13.0")
    )]
    pub issuer: Option<String>,

    /// Name of the provider on the login page.
    #[schemars(example = &"Example ID")]
    pub human_name: Option<String>,

    /// Which logo to show. The pages that come with MAS know `apple`, `google`, `facebook`,
    /// `github`, `gitlab` and `twitter`.
    #[schemars(example = &"google")]
    pub brand_name: Option<String>,

    /// What identifies MAS to the provider.
    pub client_id: String,

    /// Secret shared with the provider, for the `client_secret_*` methods.
    #[schemars(extend("x-secret" = true))]
    pub client_secret: Option<String>,

    /// File with the secret shared with the provider.
    #[schemars(example = &"/run/secrets/oidc-client-secret", extend("x-since" = "1.7.0"))]
    #[schemars(extend("x-file-of" = "client_secret"))]
    pub client_secret_file: Option<String>,

    /// How MAS proves to the provider who it is.
    pub token_endpoint_auth_method: TokenAuthMethod,

    /// The key for the method `sign_in_with_apple`.
    #[schemars(extend("x-since" = "0.13.0", "x-nullable" = true))]
    pub sign_in_with_apple: Option<SignInWithApple>,

    /// Algorithm that signs the JWT of the methods `client_secret_jwt` and `private_key_jwt`.
    pub token_endpoint_auth_signing_alg: Option<SigningAlgorithm>,

    /// Algorithm the provider has to sign ID tokens with.
    #[schemars(extend("x-since" = "0.13.0", "x-default" = "RS256"))]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,

    /// Scopes to ask for, with spaces between them. OpenID Connect needs `openid`.
    #[schemars(
        example = &"openid profile email",
        extend("x-required-before" = "0.17.0", "x-default" = "openid")
    )]
    pub scope: Option<String>,

    /// How MAS learns the provider's endpoints.
    #[schemars(extend("x-default" = "oidc"))]
    pub discovery_mode: Option<DiscoveryMode>,

    /// Whether to protect the login with PKCE.
    #[schemars(extend("x-default" = "auto"))]
    pub pkce_method: Option<PkceMethod>,

    /// Whether to ask the userinfo endpoint for claims. Needed for providers whose ID token lacks
    /// some, and for OAuth 2.0 providers without OpenID Connect.
    #[schemars(extend("x-since" = "0.13.0", "default" = false))]
    pub fetch_userinfo: Option<bool>,

    /// Ask for a signed answer from the userinfo endpoint, with this algorithm.
    #[schemars(extend("x-since" = "0.13.0"))]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,

    /// The provider's authorization endpoint, in place of the discovered one.
    #[schemars(extend("x-default-text" = "discovered"))]
    pub authorization_endpoint: Option<Url>,

    /// The provider's userinfo endpoint, in place of the discovered one.
    #[schemars(extend("x-since" = "0.13.0", "x-default-text" = "discovered"))]
    pub userinfo_endpoint: Option<Url>,

    /// The provider's token endpoint, in place of the discovered one.
    #[schemars(extend("x-default-text" = "discovered"))]
    pub token_endpoint: Option<Url>,

    /// Where the provider publishes its keys, in place of the discovered address.
    #[schemars(extend("x-default-text" = "discovered"))]
    pub jwks_uri: Option<Url>,

    /// How the provider sends users back.
    #[schemars(extend("x-since" = "0.13.0", "x-default-text" = "`query`"))]
    pub response_mode: Option<ResponseMode>,

    /// What to take over from the provider into the account.
    pub claims_imports: Option<ClaimsImports>,

    /// Further parameters of the authorization request. From MAS 1.20.0 on the values are
    /// templates.
    #[schemars(example = serde_json::json!({"prompt": "select_account"}), extend("x-default" = {}))]
    pub additional_authorization_parameters: Option<BTreeMap<String, String>>,

    /// Whether to hand the `login_hint` of the client on to the provider.
    #[schemars(extend("x-since" = "0.17.0", "default" = false))]
    pub forward_login_hint: Option<bool>,

    /// What to do when the provider tells MAS that a user logged out there.
    #[schemars(extend("x-since" = "0.19.0", "x-default" = "do_nothing"))]
    pub on_backchannel_logout: Option<OnBackchannelLogout>,

    /// Whether registering through this provider needs a registration token.
    #[schemars(extend("x-since" = "1.19.0", "default" = false))]
    pub registration_token_required: Option<bool>,
}

/// How MAS proves to a provider who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenAuthMethod {
    /// Not at all.
    None,
    /// `client_secret` in the `Authorization` header.
    ClientSecretBasic,
    /// `client_secret` in the request's body.
    ClientSecretPost,
    /// A JWT signed with `client_secret`.
    ClientSecretJwt,
    /// A JWT signed with a key of the `secrets` section.
    PrivateKeyJwt,
    /// The way Apple wants it, with `sign_in_with_apple`.
    #[schemars(extend("x-since" = "0.13.0"))]
    SignInWithApple,
}

/// A key for Sign in with Apple.
#[skip_serializing_none]
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignInWithApple {
    /// The private key in PEM form.
    #[schemars(extend("x-secret" = true, "x-required-before" = "0.16.0"))]
    pub private_key: Option<String>,

    /// File with the private key.
    #[schemars(example = &"/run/secrets/apple-key", extend("x-since" = "0.16.0"))]
    #[schemars(extend("x-file-of" = "private_key"))]
    pub private_key_file: Option<String>,

    /// Apple's id of your team.
    pub team_id: String,

    /// Apple's id of the key.
    pub key_id: String,
}

/// How MAS learns a provider's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiscoveryMode {
    /// From its discovery document, checked strictly.
    Oidc,
    /// From its discovery document, whatever it says.
    Insecure,
    /// Not at all: the endpoints stand in the configuration.
    Disabled,
}

/// Whether to use PKCE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PkceMethod {
    /// If the discovery document offers it.
    Auto,
    /// Yes, with SHA-256.
    Always,
    /// No.
    Never,
}

/// How a provider sends users back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of a redirect.
    Query,
    /// In a form. Apple needs this one.
    FormPost,
}

/// What to do when a provider reports a logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnBackchannelLogout {
    /// Write it to the log.
    DoNothing,
    /// End the browser session at MAS.
    LogoutBrowserOnly,
    /// End the browser session and every client's session that came from it.
    LogoutAll,
}

/// What to take over from a provider into an account.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ClaimsImports {
    /// What identifies the user at the provider.
    pub subject: Option<Subject>,

    /// Whether new users skip the page that shows what their account will look like. Needs
    /// `localpart.action = "require"` and nothing left to suggest.
    #[schemars(extend("x-since" = "1.8.0", "x-default" = false))]
    pub skip_confirmation: Option<bool>,

    /// The user name: what stands before the colon in a Matrix user id.
    pub localpart: Option<Localpart>,

    /// The display name.
    pub displayname: Option<Displayname>,

    /// An email address.
    pub email: Option<EmailImport>,

    /// The name of the account at the provider, to tell users which one they used.
    #[schemars(extend("x-since" = "0.13.0"))]
    pub account_name: Option<AccountName>,
}

/// What identifies a user at a provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Template of the value, over the claims in `user`.
    #[schemars(example = &"{{ user.sub }}", extend("x-default-text" = "`{{ user.sub }}`"))]
    pub template: Option<String>,
}

/// How to come by a user name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Localpart {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value, over the claims in `user`.
    #[schemars(
        example = &"{{ user.preferred_username | lower }}",
        extend("x-default-text" = "`{{ user.preferred_username }}`")
    )]
    pub template: Option<String>,

    /// What to do when an account of that name exists already. Anything but `fail` hands that
    /// account to whoever has the name at the provider.
    #[schemars(extend("x-since" = "0.20.0", "x-default" = "fail"))]
    pub on_conflict: Option<OnConflict>,
}

/// How to come by a display name.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Displayname {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value, over the claims in `user`.
    #[schemars(extend("x-default-text" = "`{{ user.name }}`"))]
    pub template: Option<String>,
}

/// How to come by an email address.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct EmailImport {
    /// What to do with the value.
    #[schemars(extend("x-default" = "ignore"))]
    pub action: Option<ImportAction>,

    /// Template of the value, over the claims in `user`.
    #[schemars(extend("x-default-text" = "`{{ user.email }}`"))]
    pub template: Option<String>,

    /// When to take the address for verified. MAS 0.13.0 dropped this option and ignores it.
    #[schemars(extend("x-removed" = "0.13.0"))]
    pub set_email_verification: Option<SetEmailVerification>,
}

/// When to take an email address for verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetEmailVerification {
    /// Always.
    Always,
    /// Never.
    Never,
    /// If the provider says so.
    Import,
}

/// How to come by the account's name at a provider.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct AccountName {
    /// Template of the value, over the claims in `user`.
    #[schemars(example = &"@{{ user.preferred_username }}")]
    pub template: Option<String>,
}

/// What to do with a value that a provider gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ImportAction {
    /// Leave it.
    Ignore,
    /// Offer it to the user.
    Suggest,
    /// Take it if it is there.
    Force,
    /// Take it, and refuse the login if it is not there.
    Require,
}

/// What to do when an account of that name exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// Refuse the login.
    Fail,
    /// Link the account, whatever it is linked to.
    Add,
    /// Link the account, and drop its other link to this provider.
    #[schemars(extend("x-since" = "1.8.0"))]
    Replace,
    /// Link the account, unless it has a link to this provider.
    #[schemars(extend("x-since" = "1.8.0"))]
    Set,
}
