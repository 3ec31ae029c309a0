/** The package has no types: where its binary is. */
declare module "workerd" {
  const runtime: { readonly default: string };
  // oxlint-disable-next-line import/no-default-export -- as the package has it
  export default runtime;
}
