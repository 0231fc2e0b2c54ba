import { fastify } from 'fastify';

/** Fastify alone, with the same JSON body to parse: what the HTTP layer costs at least. */
const app = fastify();
app.post('/bench/empty', async () => ({}));
const url = await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`listens on ${url}\n`);
