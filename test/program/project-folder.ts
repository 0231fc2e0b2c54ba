import { fileURLToPath } from 'node:url';

/** Where package.json is, and where the README's commands are given. */
export const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

const OURS = /^(CLAVIGER_|npm_|VITEST|DATABASE_URL$|NODE_ENV$|NODE_OPTIONS$)/i;

/** The environment of whoever runs the tests, without what configures the tests or Claviger. */
export const cleanEnvironment = (): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !OURS.test(name)));
