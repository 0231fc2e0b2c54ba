import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobKind, JobView } from '#jobs';
import { Installation, TestApp, type Answer } from '../../harness/app.js';

const JOBS = '/api/kms/v1/jobs';
const UNKNOWN_JOB = 'job-01900000-0000-7000-8000-000000000000';

interface Page {
  list: JobView[];
  next_bookmark: string;
}

/** One step for each time that it is let. */
class SteppedKind implements JobKind {
  readonly kind = 'test.stepped';
  #steps = 0;

  step(): void {
    this.#steps += 1;
  }

  async run(job: Parameters<JobKind['run']>[0]): Promise<unknown> {
    for (let done = 0; done < job.total; done += 1) {
      await expect.poll(() => this.#steps > done || job.signal.aborted, { timeout: 20_000 }).toBe(true);
      await job.progress(done + 1);
    }
    this.#steps = 0;
    return { steps: job.total };
  }
}

describe('jobs over HTTP', () => {
  let installation: Installation;
  /** Answers, and runs nothing. */
  let app: TestApp;
  let worker: TestApp;
  let token: string;
  const stepped = new SteppedKind();

  const enqueue = (kind: string, tenant = 'acme', total = 1): Promise<JobView> => {
    const permissions = new Set(['kms:keys:write' as const]);
    const principal = { issuer: 'urn:test', subject: 'tester', tenantId: tenant, permissions };
    const ctx = { tenantId: tenant, requestId: 'asked', principal };
    return app.database.transaction(ctx, (tx) =>
      app.services.jobStore.enqueue(tx, ctx, { kind, input: null, total }),
    );
  };
  const get = (id: string): Promise<Answer> => app.call('GET', `${JOBS}/${id}`, { token });
  const list = async (query: string): Promise<Page> => {
    const { status, body } = await app.call<Page>('GET', `${JOBS}?${query}`, { token });
    expect(status).toBe(200);
    return body;
  };
  const cancel = (id: string): Promise<Answer> => app.call('POST', `${JOBS}/${id}/cancel`, { token });
  const openEvents = (id: string, signal?: AbortSignal): Promise<Response> =>
    fetch(`${app.url}${JOBS}/${id}/events`, { headers: { authorization: `Bearer ${token}` }, signal });

  beforeAll(async () => {
    installation = await Installation.create();
    app = await TestApp.start({ installation });
    worker = await TestApp.start({ installation, jobKinds: [stepped] });
    await app.tenant('acme');
    await app.tenant('globex');
    token = await app.token('acme');
  });

  afterAll(async () => {
    await worker.stop();
    await app.stop();
    await installation.remove();
  });

  it('are read as they are, and another tenant’s as an unknown one', async () => {
    const job = await enqueue('test.waiting');
    const { status, body } = await get(job.job_id);
    expect([status, body]).toEqual([200, job]);
    const stranger = await app.token('globex');
    for (const [method, path] of [
      ['GET', ''],
      ['POST', '/cancel'],
      ['GET', '/events'],
    ] as const) {
      const headers = { 'x-request-id': 'probe' };
      const [foreign, unknown] = await Promise.all(
        [job.job_id, UNKNOWN_JOB].map((id) =>
          app.call(method, `${JOBS}/${id}${path}`, { token: stranger, headers }),
        ),
      );
      expect([foreign?.status, foreign?.body.code]).toEqual([404, 'not_found']);
      expect(foreign?.text).toBe(unknown?.text);
    }
    expect((await get(job.job_id)).body).toEqual(job);
  });

  it.each(['%00', 'job-', 'key-01900000-0000-7000-8000-000000000000', `${UNKNOWN_JOB}%00`])(
    'are unknown by %s, which is no id of a job',
    async (id) => {
      for (const answer of [await get(id), await cancel(id), await get(`${id}/events`)])
        expect([answer.status, answer.body.code]).toEqual([404, 'not_found']);
    },
  );

  it('are read with the permission to read and cancelled with that to write', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    const reader = await app.token('acme', 'kms:keys:read');
    const writer = await app.token('acme', 'kms:keys:write');
    const call = async (method: string, path: string, as: string): Promise<number> =>
      (await app.call(method, `${JOBS}${path}`, { token: as })).status;
    expect(await call('GET', '', reader)).toBe(200);
    expect(await call('GET', `/${id}`, reader)).toBe(200);
    expect(await call('POST', `/${id}/cancel`, reader)).toBe(403);
    for (const path of ['', `/${id}`, `/${id}/events`]) expect(await call('GET', path, writer)).toBe(403);
    expect(await call('GET', `/${id}/events`, '')).toBe(401);
    expect(await call('POST', `/${id}/cancel`, writer)).toBe(200);
  });

  it('are listed in the order of their creation, page by page, filtered and sorted', async () => {
    const made: string[] = [];
    for (let n = 0; n < 7; n += 1) made.push((await enqueue('test.listed')).job_id);
    await cancel(made[3]!);
    const filter = encodeURIComponent('kind[eq]test.listed');
    const seen: string[] = [];
    for (let page = await list(`filter=${filter}&limit=3`); ;) {
      seen.push(...page.list.map((job) => job.job_id));
      if (page.next_bookmark === '') break;
      page = await list(`bookmark=${encodeURIComponent(page.next_bookmark)}`);
    }
    expect(seen).toEqual(made);
    const cancelled = encodeURIComponent('kind[eq]test.listed;state[in]cancelled,failed');
    expect((await list(`filter=${cancelled}`)).list.map((job) => job.job_id)).toEqual([made[3]]);
    const latest = await list(`filter=${filter}&sort_by=created_ts&sort_mode=desc&limit=1`);
    expect(latest.list.map((job) => job.job_id)).toEqual([made[6]]);
    const changed = await list(`filter=${filter}&sort_by=updated_ts&sort_mode=desc&limit=1`);
    expect(changed.list.map((job) => job.job_id)).toEqual([made[3]]);
    const stranger = await app.token('globex');
    const page = await app.call<Page>('GET', JOBS, { token: stranger });
    expect(page.body.list).toEqual([]);
    const { next_bookmark: bookmark } = await list(`filter=${filter}&limit=3`);
    const stolen = await app.call('GET', `${JOBS}?bookmark=${encodeURIComponent(bookmark)}`, {
      token: stranger,
    });
    expect([stolen.status, stolen.body.code]).toEqual([400, 'invalid_bookmark']);
  });

  it.each([
    ['an unknown parameter', 'state=queued', 'validation_failed'],
    ['an unknown field', 'filter=input[eq]x', 'invalid_filter'],
    ['an unknown sort', 'sort_by=input', 'validation_failed'],
    ['a limit beyond 200', 'limit=201', 'validation_failed'],
    ['a bookmark of somebody’s making', 'bookmark=AAAA', 'invalid_bookmark'],
  ])('are not listed by %s', async (_, query, code) => {
    const answer = await app.call('GET', `${JOBS}?${query}`, { token });
    expect([answer.status, answer.body.code]).toEqual([400, code]);
  });

  it('are cancelled once, which is recorded, and a finished one is not: 409', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    const answer = await cancel(id);
    expect([answer.status, answer.body.state]).toEqual([200, 'cancelled']);
    const again = await cancel(id);
    expect([again.status, again.body.code]).toEqual([409, 'job_state']);
    expect((await get(id)).body).toEqual(answer.body);
    const records = await app.call<{ list: { detail: object }[] }>(
      'GET',
      `/api/platform/v1/audit?filter=${encodeURIComponent('action[eq]kms.job.cancel')}&limit=200`,
      { token },
    );
    const told = records.body.list.map(({ detail }) => detail);
    expect(told.filter((detail) => JSON.stringify(detail).includes(id))).toEqual([
      { job_id: id, kind: 'test.waiting' },
    ]);
  });

  it('tell of themselves until they end, whichever process runs them', async () => {
    const job = await enqueue(stepped.kind, 'acme', 3);
    const response = await openEvents(job.job_id);
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-request-id')).toBeTruthy();
    const events: [string, JobView][] = [];
    let text = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event = '', data = 'null'] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        const seen = JSON.parse(data) as JobView;
        events.push([event, seen]);
        if (seen.state === 'running') stepped.step();
      }
    }
    const [first, last] = [events[0], events.at(-1)];
    expect(first?.[1]).toMatchObject({ job_id: job.job_id, progress: { done: 0, total: 3 } });
    expect(last).toMatchObject(['finished', { state: 'succeeded', result: { steps: 3 } }]);
    expect(events.slice(0, -1).every(([event]) => event === 'progress')).toBe(true);
    const progress = events.map(([, seen]) => seen.progress.done);
    expect(progress).toEqual([...progress].sort());
    expect(new Set(progress).size).toBeGreaterThan(2);
    expect((await get(job.job_id)).body).toEqual(last?.[1]);
  });

  it('that have ended tell of it and nothing more', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    await cancel(id);
    const text = await (await openEvents(id)).text();
    expect(text).toMatch(/^event: finished\ndata: \{.*"state":"cancelled".*\}\n\n$/);
  });

  it('are told of to 20 listeners of a tenant, and to a further one once one has left', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    const leaving = new AbortController();
    const streams = await Promise.all(
      Array.from({ length: 20 }, (_, n) => openEvents(id, n === 0 ? leaving.signal : undefined)),
    );
    expect(streams.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const refused = await openEvents(id);
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('5');
    await refused.body?.cancel();
    leaving.abort();
    const further = async (): Promise<number> => {
      const stream = await openEvents(id);
      if (stream.status === 200) streams.push(stream);
      else await stream.body?.cancel();
      return stream.status;
    };
    await expect.poll(further).toBe(200);
    await cancel(id);
    const ended = await Promise.all(streams.slice(1).map((stream) => stream.text()));
    expect(ended.every((text) => text.includes('event: finished'))).toBe(true);
  });

  it('are told of to nobody of a tenant that is suspended meanwhile', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    const stream = await openEvents(id);
    const setState = (state: string): Promise<unknown> =>
      app.database.system('test', (tx) =>
        tx.execute(`UPDATE tenant SET state = $1 WHERE id = 'acme'`, [state]),
      );
    await setState('suspended');
    expect(await stream.text()).not.toContain('event: finished');
    await setState('active');
  });

  it('end their streams with the process', async () => {
    const { job_id: id } = await enqueue('test.waiting');
    const short = await TestApp.start({ installation });
    const stream = await fetch(`${short.url}${JOBS}/${id}/events`, {
      headers: { authorization: `Bearer ${token}` },
    });
    await short.stop();
    expect(await stream.text()).toContain('event: progress');
  });
});

describe('readiness', () => {
  it('is degraded, and requests are served, while the Redis of the jobs is away', async () => {
    const app = await TestApp.start({ env: { REDIS_URL: 'redis://:never-shown@127.0.0.1:1' } });
    await app.tenant('acme');
    const token = await app.token('acme');
    const ready = await app.call('GET', '/health/ready');
    expect([ready.status, ready.body]).toEqual([200, { status: 'degraded' }]);
    expect((await app.call('GET', JOBS, { token })).status).toBe(200);
    const logged = app.logs.filter((line) => line.includes('Redis of the jobs'));
    expect(logged).toHaveLength(1);
    expect(app.logs.join('')).not.toContain('never-shown');
    await app.stop();
    await app.installation.remove();
  });
});
