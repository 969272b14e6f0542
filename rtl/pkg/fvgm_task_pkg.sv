// What the task queue tells the cores: the slices of the buffers, the tasks to start.
package fvgm_task_pkg;

  import fvgm_isa_pkg::*;

  localparam int unsigned AddrW = 40;                      // HBM byte addresses
  localparam int unsigned ContextW = $clog2(MaxContexts);  // a context of a core
  localparam int unsigned SeqW = 32;                       // index of an entry in its table

  // Slices of the buffers, by slice_e: first word of context 0's, words of each. Stable in a session.
  typedef struct packed {
    logic [NumSliceBuffers-1:0][19:0] base;
    logic [NumSliceBuffers-1:0][19:0] size;
  } slices_t;

  // A task that a core starts.
  typedef struct packed {
    logic [SeqW-1:0] seq;  // index of the entry in the table
    logic [15:0] tag;
    logic [7:0] prio;
    logic [15:0] length;   // instructions
    logic [AddrW-1:0] base;
  } task_start_t;

endpackage
