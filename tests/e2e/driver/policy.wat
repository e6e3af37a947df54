;; A policy for MAS that allows everything, for a MAS that is here without one of its own: MAS's is
;; compiled by Open Policy Agent, which no package index has. The exports are those of Open Policy
;; Agent's ABI 1.2 (https://www.openpolicyagent.org/docs/wasm), of which nothing is worked out: every
;; entry point answers that it found no violation.
(module
  (import "env" "memory" (memory 2))
  (data (i32.const 1024) "{}\00")
  (data (i32.const 1088) "{\"client_registration/violation\":0,\"register/violation\":1,\"authorization_grant/violation\":2,\"compat_login/violation\":3,\"email/violation\":4}\00")
  (data (i32.const 1536) "[{\"result\":[]}]\00")
  (global (export "opa_wasm_abi_version") i32 (i32.const 1))
  (global (export "opa_wasm_abi_minor_version") i32 (i32.const 2))
  (global $heap (mut i32) (i32.const 4096))
  (func (export "builtins") (result i32) (i32.const 1024))
  (func (export "entrypoints") (result i32) (i32.const 1088))
  (func (export "opa_malloc") (param $size i32) (result i32)
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $size))))
  (func (export "opa_free") (param i32))
  (func (export "opa_heap_ptr_get") (result i32) (global.get $heap))
  (func (export "opa_heap_ptr_set") (param i32) (global.set $heap (local.get 0)))
  (func (export "opa_json_parse") (param i32 i32) (result i32) (local.get 0))
  (func (export "opa_json_dump") (param i32) (result i32) (local.get 0))
  (func (export "opa_eval_ctx_new") (result i32) (i32.const 0))
  (func (export "opa_eval_ctx_set_input") (param i32 i32))
  (func (export "opa_eval_ctx_set_data") (param i32 i32))
  (func (export "opa_eval_ctx_set_entrypoint") (param i32 i32))
  (func (export "opa_eval_ctx_get_result") (param i32) (result i32) (i32.const 1536))
  (func (export "eval") (param i32) (result i32) (i32.const 0))
  (func (export "opa_eval") (param i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 1536)))
