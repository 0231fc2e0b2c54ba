import { afterAll } from 'vitest';
import { SoftHsm } from '../../../../test/harness/softhsm.js';
import { describeEngineConformance } from '../conformance/engine-conformance.js';

const hsm = new SoftHsm().addToken('conformance');
afterAll(() => hsm.remove());

describeEngineConformance(`PKCS#11 (SoftHSM ${SoftHsm.version()})`, () =>
  hsm.driver().open(hsm.input('conformance')),
);
