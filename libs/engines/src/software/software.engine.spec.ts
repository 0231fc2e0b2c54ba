import { describeEngineConformance } from '../conformance/engine-conformance.js';
import { MemorySealer } from '../conformance/memory-sealer.js';
import { SoftwareEngine } from './software.engine.js';

describeEngineConformance('Software', () => new SoftwareEngine('software', new MemorySealer()));
