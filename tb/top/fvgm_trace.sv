// Bound into fvgm_scheduler: writes one line per instruction that starts or completes, per task that starts or is over, and
// per program or session. Skipped instructions (count 0) start and complete too.
//
// +trace=<path>: lines go to <path>.<instance>; without the argument nothing is written.
//   <cycle since start> <unit> <s|d> <tag> <context> <entry of the task table>
//   <cycle> task <s|d> <context> <entry>
//   <cycle> end                             closes a program or a session; the file is flushed there
module fvgm_trace
  import fvgm_isa_pkg::NumUnits;
#(
  parameter int unsigned Contexts = 1,
  parameter int unsigned ContextW = 1
) (
  input logic                              clk_i,
  input logic [31:0]                       cycle_i,
  input logic                              ended_i,
  input logic [NumUnits-1:0]               start_i,
  input logic [NumUnits-1:0]               done_i,
  input logic [NumUnits-1:0][15:0]         start_tag_i,
  input logic [NumUnits-1:0][15:0]         done_tag_i,
  input logic [NumUnits-1:0][ContextW-1:0] start_context_i,
  input logic [NumUnits-1:0][ContextW-1:0] done_context_i,
  input logic                              task_start_i,    // in task_context_i
  input logic [ContextW-1:0]               task_context_i,
  input logic [Contexts-1:0]               task_over_i,
  input logic [Contexts-1:0][31:0]         seq_i            // of the contexts' tasks
);

  int file;
  string path;

  initial begin
    file = 0;
    if ($value$plusargs("trace=%s", path)) file = $fopen($sformatf("%s.%m", path), "w");
  end

  always @(posedge clk_i) begin
    if (file != 0 && (|start_i || |done_i || task_start_i || |task_over_i || ended_i)) begin
      for (int u = 0; u < NumUnits; u++) begin
        if (done_i[u]) begin
          $fwrite(file, "%0d %0d d %0d %0d %0d\n", cycle_i, u, done_tag_i[u], done_context_i[u],
                  seq_i[done_context_i[u]]);
        end
        if (start_i[u]) begin
          $fwrite(file, "%0d %0d s %0d %0d %0d\n", cycle_i, u, start_tag_i[u], start_context_i[u],
                  seq_i[start_context_i[u]]);
        end
      end
      for (int c = 0; c < Contexts; c++) begin
        if (task_over_i[c]) $fwrite(file, "%0d task d %0d %0d\n", cycle_i, c, seq_i[c]);
      end
      if (task_start_i) begin
        $fwrite(file, "%0d task s %0d %0d\n", cycle_i, task_context_i, seq_i[task_context_i]);
      end
      if (ended_i) begin
        $fwrite(file, "%0d end\n", cycle_i);
        $fflush(file);
      end
    end
  end

endmodule
