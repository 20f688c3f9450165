//! Tests of the built binary over real sockets, in files named after the URLs and parts they test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod access;
mod conditional;
mod demo;
mod erasure;
mod everything_at_once;
mod exams;
mod feed;
mod health;
mod http2;
mod journal_commands;
mod journal_contract;
mod journal_crash;
mod journal_file;
mod journal_full;
mod journal_restart;
mod live;
mod live_browser;
mod live_resume;
mod openapi;
mod pages;
mod paging;
mod problems;
mod redis_examples;
mod redis_failures;
mod redis_refusals;
mod redis_retention;
mod redis_roles;
mod redis_tls;
mod representations;
mod settings;
mod shutdown;
mod simulate;
mod students;
mod support;
mod tidy;
