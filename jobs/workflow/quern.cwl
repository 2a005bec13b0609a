#!/usr/bin/env cwl-runner
# quern run as a step of a workflow in the Common Workflow Language:
#
#     cwltool --no-container --outdir results quern.cwl inputs.yml
#
# inputs.yml:
#     job: {class: File, path: night.yaml}
#     data: {class: Directory, path: .}
cwlVersion: v1.2
class: CommandLineTool
baseCommand: [quern, run]
arguments: [--output=reduced]
requirements: # cwltool loses a file that lies in a folder which is an input too
  InitialWorkDirRequirement: {listing: [$(inputs.job)]}
inputs:
  job:
    type: File
    inputBinding: {position: 1}
  data:
    type: Directory
    doc: Base of the relative inputs in the job file
    inputBinding: {prefix: --data}
  settings:
    type:
      - "null"
      - type: array
        items: string
        inputBinding: {prefix: --set}
    doc: path.to.key=value
  allow_failures:
    type: string?
    doc: Files that may be bad, "3" or "5%"; more are a failure
    inputBinding: {prefix: --allow-failures}
outputs:
  reduced:
    type: Directory
    outputBinding: {glob: reduced}
# 1 and 2: it cannot be done; 3: more files are bad than are allowed; 75: it was
# stopped, and the same command carries on.
permanentFailCodes: [1, 2, 3]
temporaryFailCodes: [75]
