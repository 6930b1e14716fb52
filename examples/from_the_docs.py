"""The smallest Server: any program that listens on port 8000 will do."""

import homeport as modal

app = modal.App("from-the-docs")


@app.server(unauthenticated=True)
class Server:
    @modal.enter()
    def startup(self):
        import subprocess

        subprocess.Popen("python -m http.server -d / 8000", shell=True)
