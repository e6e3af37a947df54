//! Translates OpenID Connect providers to MAS's upstream providers.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use ulid::Ulid;

use super::{PublicUrl, Translator};

/// Synapse's mapping providers that derive users from claims with templates, as MAS does.
const JINJA: [&str; 2] = [
    "synapse.handlers.oidc.JinjaOidcMappingProvider",
    "synapse.handlers.oidc_handler.JinjaOidcMappingProvider",
];

pub fn translate(work: &mut Translator) {
    let mut providers = Vec::new();
    if work.on("oidc_config.enabled") {
        let config = work.config.get("oidc_config").cloned().unwrap_or_default();
        providers.push(("oidc_config".to_owned(), config));
    }
    let list = work.config.get("oidc_providers").and_then(Value::as_array);
    for (i, config) in list.into_iter().flatten().enumerate() {
        providers.push((format!("oidc_providers[{i}]"), config.clone()));
    }
    let translated: Vec<Value> = providers
        .into_iter()
        .map(|(at, config)| provider(work, &at, &config))
        .collect();
    if !translated.is_empty() {
        work.set("upstream_oauth2", "providers", translated);
    }
}

/// The options of a provider that have not been translated yet. Each is removed when it is read.
struct ProviderOptions {
    at: String,
    options: Map<String, Value>,
}

impl ProviderOptions {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.options
            .shift_remove(name)
            .filter(|value| !value.is_null())
    }

    fn text(&mut self, name: &str) -> Option<String> {
        self.take(name)?.as_str().map(str::to_owned)
    }

    fn on(&mut self, name: &str, default: bool) -> bool {
        let value = self.take(name);
        value.and_then(|value| value.as_bool()).unwrap_or(default)
    }

    fn inside(&mut self, name: &str) -> ProviderOptions {
        let value = self.take(name).unwrap_or_default();
        ProviderOptions {
            at: format!("{}.{name}", self.at),
            options: value.as_object().cloned().unwrap_or_default(),
        }
    }

    fn name(&self, option: &str) -> String {
        format!("{}.{option}", self.at)
    }

    /// Records all remaining options as untranslated, so that nothing is dropped silently.
    fn leave_rest(self, work: &mut Translator) {
        for name in self.options.keys() {
            work.leave(format!("{}.{name}", self.at), "MAS has nothing like it");
        }
    }
}

fn provider(work: &mut Translator, at: &str, config: &Value) -> Value {
    let mut options = ProviderOptions {
        at: at.to_owned(),
        options: config.as_object().cloned().unwrap_or_default(),
    };
    options.take("enabled");
    let id = match options.text("idp_id") {
        None => "oidc".to_owned(),
        Some(id) if id == "oidc" => id,
        Some(id) => format!("oidc-{id}"),
    };
    let ulid = derived(work.config.server_name().unwrap_or_default(), &id);
    let mut provider = json!({
        "id": ulid,
        "synapse_idp_id": id,
        "human_name": options.text("idp_name").unwrap_or_else(|| "OIDC".to_owned()),
        "client_id": options.text("client_id").unwrap_or_default(),
    });
    let redirect = address(work.mas_url, "upstream/callback", &ulid);
    work.leave(
        at,
        format!("the provider has to know MAS's redirect URI: {redirect}"),
    );
    for (theirs, ours) in [
        ("issuer", "issuer"),
        ("idp_brand", "brand_name"),
        ("pkce_method", "pkce_method"),
        ("authorization_endpoint", "authorization_endpoint"),
        ("token_endpoint", "token_endpoint"),
        ("userinfo_endpoint", "userinfo_endpoint"),
        ("jwks_uri", "jwks_uri"),
        (
            "additional_authorization_parameters",
            "additional_authorization_parameters",
        ),
    ] {
        if let Some(value) = options.take(theirs) {
            provider[ours] = value;
        }
    }
    endpoints(&mut options, &mut provider);
    authentication(work, &mut options, &mut provider, &id);
    claims(work, &mut options, &mut provider);
    behaviour(work, &mut options, &mut provider);
    options.leave_rest(work);
    provider
}

/// An address of MAS that a provider has to know.
fn address(mas_url: Option<&PublicUrl>, path: &str, ulid: &str) -> String {
    let public = match mas_url {
        Some(url) => url.to_string(),
        None => "the public address of MAS, followed by ".to_owned(),
    };
    format!("{public}{path}/{ulid}")
}

/// A ULID for a provider, derived from the homeserver's name and Synapse's id of the provider, so that
/// it is always the same.
fn derived(server_name: &str, id: &str) -> String {
    let digest = Sha256::digest(format!("{server_name} {id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Ulid::from_bytes(bytes).to_string()
}

/// Translates scopes, discovery, and the algorithm that signs ID tokens.
fn endpoints(options: &mut ProviderOptions, provider: &mut Value) {
    let scopes = options.take("scopes");
    let scopes = scopes.as_ref().and_then(Value::as_array);
    let scopes: Vec<&str> = match scopes {
        Some(list) => list.iter().filter_map(Value::as_str).collect(),
        None => vec!["openid"],
    };
    provider["scope"] = scopes.join(" ").into();
    let method = options.text("user_profile_method");
    if method.as_deref() == Some("userinfo_endpoint") || !scopes.contains(&"openid") {
        provider["fetch_userinfo"] = true.into();
    }
    let (discover, unchecked) = (
        options.on("discover", true),
        options.on("skip_verification", false),
    );
    if !discover {
        provider["discovery_mode"] = "disabled".into();
    } else if unchecked {
        provider["discovery_mode"] = "insecure".into();
    }
    let algorithms = options.take("id_token_signing_alg_values_supported");
    let algorithms = algorithms.as_ref().and_then(Value::as_array);
    if let Some(first) = algorithms
        .filter(|list| list.iter().all(|algorithm| algorithm != "RS256"))
        .and_then(|list| list.first())
    {
        provider["id_token_signed_response_alg"] = first.clone();
    }
}

/// Translates how MAS authenticates to the provider.
fn authentication(
    work: &mut Translator,
    options: &mut ProviderOptions,
    provider: &mut Value,
    id: &str,
) {
    let secret = options.text("client_secret");
    let file = options.text("client_secret_path");
    let key = options.take("client_secret_jwt_key");
    let method = options.text("client_auth_method");
    let has_secret = secret.is_some() || file.is_some();
    let method = match (method, has_secret) {
        (Some(method), _) => method,
        (None, true) => "client_secret_basic".to_owned(),
        (None, false) => "none".to_owned(),
    };
    if let Some(key) = key {
        apple(work, options, provider, id, &key);
        return;
    }
    if method != "none" {
        if let Some(secret) = secret {
            let from = options.name("client_secret");
            let file = work.secret(&format!("{id}-client-secret"), &from, &secret);
            provider["client_secret_file"] = file.into();
        } else if let Some(file) = file {
            provider["client_secret_file"] = file.into();
        }
    }
    provider["token_endpoint_auth_method"] = method.into();
}

/// Translates a key that signs client secrets. Only Apple wants client secrets like that.
fn apple(
    work: &mut Translator,
    options: &ProviderOptions,
    provider: &mut Value,
    id: &str,
    key: &Value,
) {
    let at = options.name("client_secret_jwt_key");
    let part = |section: &str, name: &str| key[section][name].as_str().map(str::to_owned);
    let (team, kid) = (part("jwt_payload", "iss"), part("jwt_header", "kid"));
    let is_apple = provider["issuer"] == "https://appleid.apple.com";
    let (true, Some(team), Some(kid)) = (is_apple, team, kid) else {
        provider["token_endpoint_auth_method"] = "none".into();
        work.leave(
            at,
            "MAS makes such secrets for Apple only. If the provider takes `private_key_jwt`, use that with \
             a key of the `secrets` section",
        );
        return;
    };
    provider["token_endpoint_auth_method"] = "sign_in_with_apple".into();
    provider["response_mode"] = "form_post".into();
    let mut apple = json!({"team_id": team, "key_id": kid});
    if let Some(file) = key["key_file"].as_str() {
        apple["private_key_file"] = file.into();
    } else if let Some(text) = key["key"].as_str() {
        let file = work.secret(&format!("{id}-apple-key"), &format!("{at}.key"), text);
        apple["private_key_file"] = file.into();
    }
    provider["sign_in_with_apple"] = apple;
}

/// Translates what becomes of claims: users, their names and addresses, and who may log in at all.
fn claims(work: &mut Translator, options: &mut ProviderOptions, provider: &mut Value) {
    let requirements = options.take("attribute_requirements");
    let may_match = options.on("allow_existing_users", false);
    let mut mapping = options.inside("user_mapping_provider");
    let module = mapping.text("module");
    let mut templates = mapping.inside("config");
    let mut imports = json!({});
    if let Some(module) = module.filter(|module| !JINJA.contains(&&**module)) {
        work.leave(
            mapping.name("module"),
            format!("{module} is Python of your own: write `claims_imports` that do the same"),
        );
        provider["claims_imports"] = imports;
        return;
    }
    let subject = templates
        .text("subject_template")
        .map(|template| in_mas(&template));
    let claim = templates.text("subject_claim");
    let subject = subject
        .or_else(|| claim.map(|claim| format!("{{{{ user.{claim} }}}}")))
        .unwrap_or_else(|| "{{ user.sub }}".to_owned());
    let requirements = requirements.as_ref().and_then(Value::as_array);
    let conditions: Vec<String> = requirements
        .into_iter()
        .flatten()
        .filter_map(condition)
        .collect();
    if conditions.is_empty() {
        if subject != "{{ user.sub }}" {
            imports["subject"] = json!({"template": subject});
        }
    } else {
        // MAS rejects a login without a subject.
        let template = format!(
            "{{% if {} %}}{subject}{{% endif %}}",
            conditions.join(" and ")
        );
        imports["subject"] = json!({"template": template});
    }
    let confirm = templates.on("confirm_localpart", false);
    let or_suggest = |action: &'static str| if confirm { "suggest" } else { action };
    if let Some(template) = templates.text("localpart_template") {
        imports["localpart"] =
            json!({"action": or_suggest("require"), "template": in_mas(&template)});
        if may_match && !confirm {
            imports["localpart"]["on_conflict"] = "add".into();
        }
    }
    if may_match && (confirm || imports["localpart"].is_null()) {
        work.leave(
            options.name("allow_existing_users"),
            "MAS links existing accounts only where the user name is required to be the provider's: set \
             `claims_imports.localpart` to action `require` with `on_conflict`",
        );
    }
    for (theirs, ours) in [
        ("display_name_template", "displayname"),
        ("email_template", "email"),
    ] {
        if let Some(template) = templates.text(theirs) {
            imports[ours] = json!({"action": or_suggest("force"), "template": in_mas(&template)});
        }
    }
    if imports != json!({}) {
        provider["claims_imports"] = imports;
    }
    templates.leave_rest(work);
    mapping.leave_rest(work);
}

/// Converts a template of Synapse for MAS, which lacks Synapse's filter `localpart_from_email`.
fn in_mas(template: &str) -> String {
    let filter = regex::Regex::new(r"([A-Za-z0-9_.\[\]'\x22]+)\s*\|\s*localpart_from_email");
    match filter {
        Ok(filter) => filter
            .replace_all(template, "$1.split('@')[0]")
            .into_owned(),
        Err(_) => template.to_owned(),
    }
}

/// The condition that an attribute must meet, in the syntax of templates.
fn condition(requirement: &Value) -> Option<String> {
    let attribute = requirement["attribute"].as_str()?;
    let attribute = format!("user[{}]", json!(attribute));
    let mut values: Vec<&Value> = requirement["one_of"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    values.extend(requirement.get("value").filter(|value| !value.is_null()));
    if values.is_empty() {
        return Some(format!("{attribute} is defined"));
    }
    let any: Vec<String> = values
        .iter()
        .map(|value| {
            format!(
                "{attribute} == {value} or ({attribute} is sequence and {value} in {attribute})"
            )
        })
        .collect();
    Some(format!("({})", any.join(" or ")))
}

/// Translates what happens at login and logout.
fn behaviour(work: &mut Translator, options: &mut ProviderOptions, provider: &mut Value) {
    if options.on("backchannel_logout_enabled", false) {
        provider["on_backchannel_logout"] = "logout_all".into();
        let ulid = provider["id"].as_str().unwrap_or_default();
        let logout = address(work.mas_url, "upstream/backchannel-logout", ulid);
        work.leave(
            options.name("backchannel_logout_enabled"),
            format!("the provider has to know where MAS takes logouts: {logout}"),
        );
    }
    if !options.on("enable_registration", true) {
        provider["registration_token_required"] = true.into();
        work.leave(
            options.name("enable_registration"),
            "MAS can only ask newcomers for a registration token, which this does \
             (`registration_token_required`, from MAS 1.19.0 on)",
        );
    }
    let passed = options.take("passthrough_authorization_parameters");
    let passed = passed.as_ref().and_then(Value::as_array);
    for parameter in passed.into_iter().flatten() {
        if parameter == "login_hint" {
            provider["forward_login_hint"] = true.into();
        } else {
            work.leave(
                options.name("passthrough_authorization_parameters"),
                format!("MAS hands on `login_hint` only, not {parameter}"),
            );
        }
    }
}
