import { describeEngineConformance } from '../conformance/engine-conformance.js';
import { MemorySealer } from '../conformance/memory-sealer.js';
import { SoftwareEngine } from './software.engine.js';

describeEngineConformance('the software engine', () => new SoftwareEngine('software', new MemorySealer()));
