import { afterAll } from 'vitest';
import { engineOn, startFake } from './testing/fake-engine.js';
import { describeEngineConformance } from '../conformance/engine-conformance.js';

const fake = await startFake();
afterAll(() => fake.stop());

describeEngineConformance('the AWS KMS engine', () => engineOn(fake));
