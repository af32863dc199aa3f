import { CompileWorker } from './compileWorker.ts';
import { exposeService } from './workerLife.ts';

exposeService(new CompileWorker());
