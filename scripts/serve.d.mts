export declare function serve(options: {
  root: string;
  port?: number;
  basePath?: string;
  policyFor?: (path: string) => string | null;
}): Promise<{ url: string; close: () => Promise<void> }>;
