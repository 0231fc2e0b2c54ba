import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What an asker says of a job; the rest has defaults. */
const ASKED = 'tenant_id, job_id, kind, progress_total, input, principal, request_id, dispatch_ts';
/** What changes while it is run. Who asked for what, and when, never does. */
const CHANGING =
  'state, progress_done, result, error_code, error_detail, attempt, failures, lease_owner, due_ts, dispatch_ts, ' +
  'cancel_ts, updated_ts, finished_ts';
/** What the sweeper reads of all tenants: no input, no result, nobody's name. */
const SWEPT = 'tenant_id, job_id, kind, state, dispatch_ts, created_ts';

/** Jobs: the row is the truth, a queue only says that it is there (docs/adr/0012-jobs-are-rows.md). */
export class Jobs1763700020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE job (
        tenant_id      text COLLATE "C" NOT NULL,
        job_id         text COLLATE "C" NOT NULL,
        kind           text COLLATE "C" NOT NULL,
        state          text COLLATE "C" NOT NULL DEFAULT 'queued'
                       CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
        progress_done  integer NOT NULL DEFAULT 0,
        progress_total integer NOT NULL CHECK (progress_total >= 0),
        input          jsonb NOT NULL,
        result         jsonb,
        error_code     text COLLATE "C",
        error_detail   text,
        attempt        integer NOT NULL DEFAULT 0,
        failures       integer NOT NULL DEFAULT 0,
        lease_owner    text,
        due_ts         timestamptz NOT NULL DEFAULT now(),
        dispatch_ts    timestamptz NOT NULL,
        cancel_ts      timestamptz(3),
        principal      jsonb NOT NULL,
        request_id     text COLLATE "C" NOT NULL,
        created_ts     timestamptz(3) NOT NULL DEFAULT now(),
        updated_ts     timestamptz(3) NOT NULL DEFAULT now(),
        finished_ts    timestamptz(3),
        PRIMARY KEY (tenant_id, job_id),
        CHECK (progress_done BETWEEN 0 AND progress_total),
        CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_ts IS NOT NULL)),
        CHECK ((state = 'running') = (lease_owner IS NOT NULL)),
        CHECK ((state = 'failed') = (error_code IS NOT NULL))
      )`);
    await runner.query(`
      COMMENT ON COLUMN job.due_ts IS 'Queued: not to be run before. Running: until then its lease is good.'`);
    await runner.query(`
      COMMENT ON COLUMN job.dispatch_ts IS 'When the sweeper tells a queue of it, unless it has moved on by then.'`);
    await runner.query(`
      COMMENT ON COLUMN job.attempt IS 'Numbers the leases; a write of an attempt that is not the latest is refused.'`);
    await runner.query(`CREATE INDEX job_creation ON job (tenant_id, created_ts, job_id)`);
    const unfinished = `WHERE state IN ('queued', 'running')`;
    await runner.query(`CREATE INDEX job_unfinished ON job (tenant_id) ${unfinished}`);
    // The sweeper's, who asks for all tenants at once.
    await runner.query(`CREATE INDEX job_dispatch ON job (dispatch_ts) ${unfinished}`);

    await runner.query(`ALTER TABLE job ENABLE ROW LEVEL SECURITY`);
    await runner.query(`ALTER TABLE job FORCE ROW LEVEL SECURITY`);
    await runner.query(`
      CREATE POLICY tenant_isolation ON job TO claviger_app
      USING (tenant_id = NULLIF(current_setting('claviger.tenant', true), ''))`);
    await runner.query(`GRANT SELECT, INSERT (${ASKED}), UPDATE (${CHANGING}) ON job TO claviger_app`);
    await runner.query(`CREATE POLICY system_sight ON job FOR SELECT TO claviger_system USING (true)`);
    await runner.query(`CREATE POLICY system_sweep ON job FOR UPDATE TO claviger_system USING (true)`);
    await runner.query(`GRANT SELECT (${SWEPT}), UPDATE (dispatch_ts) ON job TO claviger_system`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE job`);
  }
}
