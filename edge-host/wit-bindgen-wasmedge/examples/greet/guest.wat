;; A guest of the world `greet`, by hand. Compilers write the same from greet.wit.
(module
  (import "example:greet/phrases@0.1.0" "greeting"
    (func $greeting (param $text i32) (param $length i32) (param $result i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))

  ;; Room from a heap that only grows. Never called to grow or free, in this example.
  (func $realloc (export "cabi_realloc")
    (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and
        (i32.add (global.get $free) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; At 16: the option that the host answers. At 32: the result that the guest answers.
  (func (export "example:greet/greeter@0.1.0#greet")
    (param $name i32) (param $name_length i32) (param $language i32) (param $language_length i32)
    (result i32)
    (local $text i32)
    (call $greeting (local.get $language) (local.get $language_length) (i32.const 16))
    (if (i32.eqz (i32.load8_u (i32.const 16)))
      (then
        (i32.store8 (i32.const 32) (i32.const 1))
        (i32.store (i32.const 36) (local.get $language))
        (i32.store (i32.const 40) (local.get $language_length))
        (return (i32.const 32))))
    (i32.store8 (i32.const 32) (i32.const 0))
    (i32.store (i32.const 40)
      (i32.add (i32.load (i32.const 24)) (i32.add (local.get $name_length) (i32.const 1))))
    (local.set $text
      (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.load (i32.const 40))))
    (i32.store (i32.const 36) (local.get $text))
    (memory.copy (local.get $text) (i32.load (i32.const 20)) (i32.load (i32.const 24)))
    (local.set $text (i32.add (local.get $text) (i32.load (i32.const 24))))
    (i32.store8 (local.get $text) (i32.const 32))
    (memory.copy
      (i32.add (local.get $text) (i32.const 1)) (local.get $name) (local.get $name_length))
    (i32.const 32))

  ;; The result is no longer needed: the heap is empty again.
  (func (export "cabi_post_example:greet/greeter@0.1.0#greet") (param $result i32)
    (global.set $free (i32.const 1024))))
