//! Translates how mail is sent.

use super::{Translator, port_of};
use crate::migrate::synapse_config::is_true;

pub fn translate(work: &mut Translator) {
    let Some(email) = work.config.get("email") else {
        return;
    };
    let email = email.clone();
    let on = |name: &str, default: bool| email.get(name).map_or(default, is_true);
    let mode = if on("force_tls", false) {
        "tls"
    } else if on("enable_tls", true) {
        "starttls"
    } else {
        "plain"
    };
    work.set("email", "transport", "smtp");
    work.set("email", "mode", mode);
    let host = email["smtp_host"].as_str().unwrap_or("localhost");
    work.set("email", "hostname", host);
    let port = if mode == "tls" { 465 } else { 25 };
    work.set(
        "email",
        "port",
        port_of(&email["smtp_port"]).unwrap_or(port),
    );
    if let Some(user) = email["smtp_user"].as_str() {
        work.set("email", "username", user);
    }
    if let Some(password) = email["smtp_pass"].as_str() {
        let file = work.secret("smtp-password", "email.smtp_pass", password);
        work.set("email", "password_file", file);
    } else if let Some(file) = email["smtp_pass_path"].as_str() {
        work.set("email", "password_file", file);
    }
    if let Some(from) = email["notif_from"].as_str() {
        let name = email["app_name"].as_str().unwrap_or("Matrix");
        let from = from.replace("%(app)s", name);
        work.set("email", "from", from.clone());
        work.set("email", "reply_to", from);
    }
    if mode == "starttls" && !on("require_transport_security", false) {
        work.leave(
            "email.require_transport_security",
            "Synapse sends without encryption if the server offers none; MAS's `starttls` does not. Set \
             `email.mode` to `plain` for a server that has none",
        );
    }
    let of_synapse = [
        "enable_notifs",
        "notif_for_new_users",
        "notif_delay_before_mail",
        "client_base_url",
        "invite_client_location",
        "subjects",
        "template_dir",
        "tlsname",
        "validation_token_lifetime",
    ];
    let known = [
        "smtp_host",
        "smtp_port",
        "smtp_user",
        "smtp_pass",
        "smtp_pass_path",
        "force_tls",
        "enable_tls",
        "require_transport_security",
        "notif_from",
        "app_name",
    ];
    for (name, _) in email.as_object().into_iter().flatten() {
        if of_synapse.contains(&&**name) {
            if matches!(
                &**name,
                "template_dir" | "subjects" | "tlsname" | "validation_token_lifetime"
            ) {
                work.leave(
                    format!("email.{name}"),
                    "MAS has its own mails: see `templates` and `translations`",
                );
            }
        } else if !known.contains(&&**name) {
            work.leave(format!("email.{name}"), "MAS has nothing like it");
        }
    }
}
