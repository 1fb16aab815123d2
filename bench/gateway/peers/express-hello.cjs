// The bare Express server that the table compares with.
const express = require('express');

const app = express();
app.disable('etag');
app.disable('x-powered-by');
app.get('/', (_request, response) => response.json({ hello: 'world' }));
const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
