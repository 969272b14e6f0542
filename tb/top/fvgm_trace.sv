// Bound into fvgm_scheduler: writes one line per instruction that starts or completes, and one per program. Skipped
// instructions (count 0) start and complete too.
//
// +trace=<path>: lines `<cycle since start> <unit> <s|d> <tag>` go to <path>.<instance>. Without the argument nothing is
// written. A line `<cycle> end` closes a program; the file is flushed there.
module fvgm_trace
  import fvgm_isa_pkg::NumUnits;
(
  input logic                      clk_i,
  input logic [31:0]               cycle_i,
  input logic                      ended_i,
  input logic [NumUnits-1:0]       start_i,
  input logic [NumUnits-1:0]       done_i,
  input logic [NumUnits-1:0][15:0] start_tag_i,
  input logic [NumUnits-1:0][15:0] done_tag_i
);

  int file;
  string path;

  initial begin
    file = 0;
    if ($value$plusargs("trace=%s", path)) file = $fopen($sformatf("%s.%m", path), "w");
  end

  always @(posedge clk_i) begin
    if (file != 0 && (|start_i || |done_i || ended_i)) begin
      for (int u = 0; u < NumUnits; u++) begin
        if (done_i[u]) $fwrite(file, "%0d %0d d %0d\n", cycle_i, u, done_tag_i[u]);
        if (start_i[u]) $fwrite(file, "%0d %0d s %0d\n", cycle_i, u, start_tag_i[u]);
      end
      if (ended_i) begin
        $fwrite(file, "%0d end\n", cycle_i);
        $fflush(file);
      end
    end
  end

endmodule
