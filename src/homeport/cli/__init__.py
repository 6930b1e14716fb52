"""The `homeport` command. One file per group of verbs; `render` prints, `text`, `when` and `rollout` are pure."""
