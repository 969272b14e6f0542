// Test top of fvgm_sfu: clock, memories, and memory ports that deny at random.
//
// Python loads and reads the memories by name, puts a command on cmd / cmd_valid, and sleeps until
// `accepted` or `completed` changes. `completed` counts at the falling edge within the cycle of
// done_o, so that what is in the memories then is what a reader would see.
// deny_*: n of 256 cycles in which that port is not ready.
module fvgm_sfu_tb
  import fvgm_isa_pkg::*;
  import fvgm_sfu_pkg::*;
#(
    parameter int unsigned Units = 8192,
    parameter int unsigned Entries = 256,
    parameter int unsigned Words = 512,
    parameter int unsigned StoreGroups = 1024
) ();

  logic clk_i = 1'b0;
  logic rst_ni = 1'b0;
  always #5 clk_i = !clk_i;

  logic [127:0] vbuf[Units];
  logic [127:0] abuf[Units];
  logic [511:0] pbuf[Entries];
  logic [31:0] rbuf[Words];

  logic cmd_valid = 1'b0;
  logic [PayloadBits-1:0] cmd = '0;
  logic [8:0] deny_read = '0;
  logic [8:0] deny_abuf = '0;
  logic [8:0] deny_vbuf = '0;

  int unsigned accepted = 0;
  int unsigned completed = 0;
  int unsigned cycle = 0;
  int unsigned stall_wait = 0;
  int unsigned stall_read = 0;
  int unsigned stall_write = 0;
  int unsigned abuf_writes = 0;
  int unsigned vbuf_writes = 0;
  int unsigned rbuf_writes = 0;

  logic cmd_ready, done, pbuf_valid, abuf_valid, abuf_ready;
  logic vbuf_valid, vbuf_ready, rbuf_valid, busy, w, r, s;
  logic [1:0] rd_valid, rd_ready;
  logic [1:0][AddrBits-1:0] rd_addr;
  logic [AddrBits-1:0] abuf_addr, vbuf_addr;
  logic [EntryBits-1:0] pbuf_addr, rbuf_addr;
  logic [127:0] abuf_data, vbuf_data;
  logic [31:0] rbuf_data;
  logic [1:0][255:0] rd_q, rd_data;
  logic [511:0] pbuf_q, pbuf_data;

  fvgm_sfu #(
      .StoreGroups(StoreGroups)
  ) dut (
      .clk_i,
      .rst_ni,
      .cmd_valid_i(cmd_valid),
      .cmd_ready_o(cmd_ready),
      .cmd_i(cmd),
      .done_o(done),
      .vbuf_rd_valid_o(rd_valid),
      .vbuf_rd_ready_i(rd_ready),
      .vbuf_rd_addr_o(rd_addr),
      .vbuf_rd_data_i(rd_data),
      .pbuf_rd_valid_o(pbuf_valid),
      .pbuf_rd_addr_o(pbuf_addr),
      .pbuf_rd_data_i(pbuf_data),
      .abuf_wr_valid_o(abuf_valid),
      .abuf_wr_ready_i(abuf_ready),
      .abuf_wr_addr_o(abuf_addr),
      .abuf_wr_data_o(abuf_data),
      .vbuf_wr_valid_o(vbuf_valid),
      .vbuf_wr_ready_i(vbuf_ready),
      .vbuf_wr_addr_o(vbuf_addr),
      .vbuf_wr_data_o(vbuf_data),
      .rbuf_wr_valid_o(rbuf_valid),
      .rbuf_wr_addr_o(rbuf_addr),
      .rbuf_wr_data_o(rbuf_data),
      .busy_o(busy),
      .stall_wait_o(w),
      .stall_read_o(r),
      .stall_write_o(s)
  );

  // Data that nobody asked for is noise: a block that takes it shows.
  function automatic logic [511:0] noise();
    logic [511:0] out;
    for (int i = 0; i < 16; i++) out[32*i+:32] = 32'h7f81_0001 ^ (cycle << 5) ^ 32'(i);
    return out;
  endfunction

  logic [1:0] rd_accepted;
  logic pbuf_accepted;

  always_ff @(posedge clk_i) begin
    abuf_ready <= 9'($urandom_range(255)) >= deny_abuf;
    vbuf_ready <= 9'($urandom_range(255)) >= deny_vbuf;

    for (int p = 0; p < 2; p++) begin
      rd_ready[p] <= 9'($urandom_range(255)) >= deny_read;
      rd_accepted[p] <= rd_valid[p] && rd_ready[p];
      if (rd_valid[p] && rd_ready[p]) begin
        rd_q[p] <= {vbuf[(rd_addr[p]+1)%Units], vbuf[rd_addr[p]%Units]};
      end
      rd_data[p] <= rd_accepted[p] ? rd_q[p] : 256'(noise());
    end
    pbuf_accepted <= pbuf_valid;
    if (pbuf_valid) pbuf_q <= pbuf[pbuf_addr % Entries];
    pbuf_data <= pbuf_accepted ? pbuf_q : noise();

    cycle <= cycle + 1;
    if (rst_ni) begin
      if (cmd_valid && cmd_ready) accepted <= accepted + 1;
      stall_wait <= stall_wait + 32'(w);
      stall_read <= stall_read + 32'(r);
      stall_write <= stall_write + 32'(s);
      if (abuf_valid && abuf_ready) begin
        abuf[abuf_addr%Units] <= abuf_data;
        abuf_writes <= abuf_writes + 1;
      end
      if (vbuf_valid && vbuf_ready) begin
        vbuf[vbuf_addr%Units] <= vbuf_data;
        vbuf_writes <= vbuf_writes + 1;
      end
      if (rbuf_valid) begin
        rbuf[rbuf_addr%Words] <= rbuf_data;
        rbuf_writes <= rbuf_writes + 1;
      end
    end
  end

  always @(negedge clk_i) if (rst_ni && done) completed <= completed + 1;

  logic abuf_wait, vbuf_wait;
  logic [147:0] abuf_was, vbuf_was;

  always_ff @(posedge clk_i) begin
    abuf_wait <= rst_ni && abuf_valid && !abuf_ready;
    vbuf_wait <= rst_ni && vbuf_valid && !vbuf_ready;
    abuf_was <= {abuf_addr, abuf_data};
    vbuf_was <= {vbuf_addr, vbuf_data};
    if (rst_ni && abuf_wait && !(abuf_valid && abuf_was == {abuf_addr, abuf_data})) begin
      $error("abuf write not held until ready");
    end
    if (rst_ni && vbuf_wait && !(vbuf_valid && vbuf_was == {vbuf_addr, vbuf_data})) begin
      $error("vbuf write not held until ready");
    end
    if (rst_ni && !busy && (rd_valid != '0 || abuf_valid || vbuf_valid || rbuf_valid || done)) begin
      $error("activity while not busy");
    end
  end

endmodule
