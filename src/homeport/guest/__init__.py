"""What runs inside a container around the user's code. Standard library only, and as little of it as can be: every import
here is paid at every cold start. `main` is started as a script; `reaper` is PID 1; `worker` is its only child.
"""
