import { afterAll } from 'vitest';
import { prepareImports } from '../../../../test/fakes/aws-kms/import-operations.js';
import { engineOn, startFake } from './testing/fake-engine.js';
import { describeEngineConformance } from '../conformance/engine-conformance.js';

await prepareImports();
const fake = await startFake();
afterAll(() => fake.stop());

describeEngineConformance('AWS KMS (stand-in)', () => engineOn(fake));
