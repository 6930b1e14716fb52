// What Node serves on the port given: it keeps every request as it understood it, and tells them at /_seen.
const http = require("http");
const seen = [];
http.createServer({ keepAliveTimeout: 600000 }, (request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    let text = "ok";
    const path = request.url.split("?")[0];
    if (path === "/_seen") text = JSON.stringify(seen);
    else seen.push({ method: request.method, path, body: Buffer.concat(parts).toString("latin1"),
                     headers: Object.entries(request.headers) });
    response.writeHead(200, { "Content-Length": Buffer.byteLength(text) });
    response.end(text);
  });
}).listen(Number(process.argv[2]), "127.0.0.1");
